"""Anything pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from framework.model.computation import Computation

V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Custom(Computation[V]):
    """What `compute(record)` returns, where `reads` names the fields and the to-many relations that it reads.

    `"items"` reads all fields of the related records, `"items.price"` that one. A relation that is read is
    there as a list, in no particular order. With `step(value, before, after)` and one relation, a changed
    related record (None: it came, or it went) moves the value without reading the others.
    """

    compute: Callable[[Any], V]
    step: Callable[[V, Any, Any], V] | None = None
    reads: tuple[str, ...] = ()
