"""A state that moves when something happens."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from framework.computations.aggregate import G
from framework.computations.triggers import Trigger
from framework.model.computation import Computation
from framework.model.words import Word

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, eq=False)
class Transition(Generic[S], metaclass=Word):
    """From `source` to `target` when the trigger fires, if `guard(record)` holds, or `guard(record, cause)`.

    With a tuple of states it is one from each: `Transition((Status.NEW, Status.PAID), Status.OFF, when=...)`.

    The cause is the record that makes the machine move, as for `OnEntry`. With `given`, a `Global`, its row
    comes last: `guard(record, row)` or `guard(record, cause, row)`. Where the code cannot be followed,
    `reads` names the fields of the record, those of the cause as `"cause.field"`.
    """

    source: S
    target: S
    when: Trigger
    guard: Callable[..., object] | None = None
    reads: tuple[str, ...] | None = None
    given: Any = field(default=None, kw_only=True)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            source: S | tuple[S, ...],
            target: S,
            when: Trigger,
            guard: Callable[[Any], object] | Callable[[Any, Any], object] | None = None,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            source: S | tuple[S, ...],
            target: S,
            when: Trigger,
            guard: Callable[[Any, G], object] | Callable[[Any, Any, G], object],
            reads: tuple[str, ...] | None = None,
            *,
            given: type[G],
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...


class StateMachine(Computation[S]):
    """The state: `initial` until a transition fires. Exactly one fires per trigger and record.

    A record that enters the state `erases` is deleted, with what its deletion takes along, in the same
    transaction; before that all follows from the state as from any other.
    """

    def __init__(self, initial: S, *transitions: Transition[S], erases: S | None = None) -> None:
        self.initial = initial
        self._kind = type(initial)
        self.transitions = tuple(one for several in transitions for one in _from_each(several))
        self.erases = erases

    def made_of(self) -> Iterator[object]:
        return (getattr(getattr(one, "when", None), "records", None) for one in self.transitions)

    @property
    def states(self) -> list[S]:
        """All states of the enumeration, in its order."""
        return list(self._kind)

    def enters(self, state: object) -> bool:
        """Whether a transition leads to the state from another one."""
        return any(one.target == state and one.source != state for one in self.transitions)


def _from_each(transition: Transition[S]) -> Sequence[Transition[S]]:
    """The transitions from each of several states."""
    sources = getattr(transition, "source", None)  # what is no transition is refused when an App is built
    if not isinstance(sources, tuple) or not sources:
        return (transition,)
    return [replace(transition, source=one) for one in sources]
