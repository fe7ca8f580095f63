"""A state that moves when something happens."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from framework.computations.triggers import Trigger
from framework.model.computation import Computation

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, eq=False)
class Transition(Generic[S]):
    """From `source` to `target` when the trigger fires, if `guard(record)` holds."""

    source: S
    target: S
    when: Trigger
    guard: Callable[[Any], object] | None = None
    reads: tuple[str, ...] | None = None


class StateMachine(Computation[S]):
    """The state: `initial` until a transition fires. Exactly one fires per trigger and record.

    A record that enters the state `erases` is deleted, with what its deletion takes along, in the same
    transaction; before that all follows from the state as from any other.
    """

    def __init__(self, initial: S, *transitions: Transition[S], erases: S | None = None) -> None:
        self.initial = initial
        self._kind = type(initial)
        self.transitions = transitions
        self.erases = erases

    @property
    def states(self) -> list[S]:
        """All states of the enumeration, in its order."""
        return list(self._kind)

    def enters(self, state: object) -> bool:
        """Whether a transition leads to the state from another one."""
        return any(one.target == state and one.source != state for one in self.transitions)
