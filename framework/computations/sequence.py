"""The next number of a scope."""

from dataclasses import dataclass, field
from typing import Any

from framework.model.computation import Computation


@dataclass(frozen=True, eq=False)
class Sequence(Computation[int]):
    """The next number of its scope, given once, when the record comes to be, and never again.

    `per` names the facts of the row that make up the scope; without any there is one scope. Numbers are
    given in the transaction of the record: one that rolls back leaves no gap. `tx.reserve` takes numbers
    that are given outside.
    """

    per: tuple[str, ...] = ()
    start: int = 1
    step: int = 1
    initial: Any = field(default=None, init=False)
