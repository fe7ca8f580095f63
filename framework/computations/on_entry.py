"""A value that is computed when a state is entered."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar, TypeVar, overload

from framework.model.computation import Computation

T = TypeVar("T")
V = TypeVar("V")
S = TypeVar("S", bound=StrEnum)


class OnEntry(Computation[V]):
    """`of(record, cause)`, computed each time `machine` enters `state`, and kept until it does so again;
    before that: `initial`.

    `machine` is the property of the state machine, as it stands in the class body. The cause is the record
    that made it move: the event, the call, the related record (as it was, if it is gone; the link, where a
    link model leads to it), or the record itself where one of its own fields did. The record is in its new
    state already. Where the code cannot be followed, `reads` names the fields of the record, and those of the
    cause as `"cause.field"`.
    """

    functions: ClassVar[tuple[str, ...]] = ("of",)

    @overload
    def __init__(
        self: "OnEntry[T | None]",
        machine: S,
        state: S,
        of: Callable[[Any, Any], T],
        *,
        reads: tuple[str, ...] | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: "OnEntry[T]",
        machine: S,
        state: S,
        of: Callable[[Any, Any], T],
        *,
        initial: T,
        reads: tuple[str, ...] | None = None,
    ) -> None: ...
    def __init__(
        self,
        machine: Any,
        state: Any,
        of: Callable[[Any, Any], Any],
        *,
        initial: Any = None,
        reads: tuple[str, ...] | None = None,
    ) -> None:
        self.machine = machine
        self.state = state
        self.of = of
        self.initial = initial
        self.reads = reads
