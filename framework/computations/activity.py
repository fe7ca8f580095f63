"""Activities: events that happen in an order, with groups of which any, all or the first to finish count."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from framework.model.entity import Event
from framework.model.words import Word, check_text


class Choice(StrEnum):
    """How the branches of a group stand to each other."""

    ANY = "any of"  # the first that starts is taken, the others are pruned
    ALL = "all of"  # all must finish, in any order
    RACE = "race"  # all may run, the first that finishes prunes the others


@dataclass(frozen=True, eq=False)
class Group:
    """Branches, each an event class, a tuple of steps in their order, or another group."""

    choice: Choice
    branches: tuple["Step", ...]


Step: TypeAlias = type[Event] | Group | tuple["Step", ...]
History: TypeAlias = Sequence[type[Event]]
"""What has happened, in order."""


def any_of(*branches: Step) -> Group:
    """One of the branches: the first that starts is taken, and the others can no longer happen."""
    return Group(Choice.ANY, branches)


def all_of(*branches: Step) -> Group:
    """Every branch, side by side: what comes after the group waits for all of them."""
    return Group(Choice.ALL, branches)


def race(*branches: Step) -> Group:
    """All branches side by side, until the first finishes: the others can no longer go on."""
    return Group(Choice.RACE, branches)


@dataclass(frozen=True, eq=False, init=False)
class Activity(metaclass=Word):
    """Events in their order: the first opens an instance, the others name it by their foreign key to it.

        refund = Activity(
            RefundAsked, any_of(RefundRefused, (RefundApproved, all_of(MoneySent, CustomerTold)))
        )

    An event that comes before its turn, or after it, is refused (OutOfOrder), and nothing is stored. Each
    class happens once in an instance; an event whose key is None belongs to none. `name` is how the database
    knows the activity: the name of the opening class, unless another is given.
    """

    opening: type[Event]
    steps: tuple[Step, ...]
    name: str

    def __init__(self, opening: type[Event], *steps: Step, name: str | None = None) -> None:
        check_text(name, "Activity", "name")
        object.__setattr__(self, "opening", opening)
        object.__setattr__(self, "steps", steps)
        own = getattr(opening, "__name__", repr(opening))
        object.__setattr__(self, "name", own if name is None else name)


@dataclass(frozen=True)
class ActivityState:
    """How far one instance of an activity is: what has happened, and what may come next."""

    activity: Activity
    happened: tuple[type[Event], ...]

    @property
    def allowed(self) -> frozenset[type[Event]]:
        """The event classes of which one may come next; none when all is done."""
        return allowed(self._whole, self.happened)

    @property
    def is_done(self) -> bool:
        """Whether the activity has come to its end."""
        return is_done(self._whole, self.happened)

    @property
    def pruned(self) -> frozenset[type[Event]]:
        """The event classes that can no longer happen, because another branch was taken or was faster."""
        return (
            frozenset(leaves(self._whole)) - frozenset(self.happened) - reachable(self._whole, self.happened)
        )

    @property
    def _whole(self) -> Step:
        return (self.activity.opening, *self.activity.steps)

    def __str__(self) -> str:
        happened = ", ".join(_names(self.happened))
        if self.is_done:
            return f"{self.activity.name} is done: {happened}"
        return f"{self.activity.name}: {happened} happened; next {' or '.join(sorted(_names(self.allowed)))}"


@dataclass(frozen=True)
class ActivityInstance:
    """One instance of an activity: the id of the event that opened it, and how far it is."""

    id: UUID
    state: ActivityState

    def __str__(self) -> str:
        return f"{self.id}: {self.state}"


def allowed(step: Step, history: History) -> frozenset[type[Event]]:
    """The classes of which an event may come next."""
    match step:
        case tuple():
            following = next((one for one in step if not is_done(one, history)), ())
            return allowed(following, history) if following else frozenset()
        case Group():
            return frozenset().union(*(allowed(branch, history) for branch in _open(step, history)))
        case event:
            return frozenset() if event in history else frozenset({event})


def reachable(step: Step, history: History) -> frozenset[type[Event]]:
    """The classes of which an event may come next, or later."""
    match step:
        case tuple():
            return frozenset().union(*(reachable(one, history) for one in step))
        case Group():
            return frozenset().union(*(reachable(branch, history) for branch in _open(step, history)))
        case event:
            return frozenset() if event in history else frozenset({event})


def is_done(step: Step, history: History) -> bool:
    """Whether nothing of the step is to be waited for."""
    match step:
        case tuple():
            return all(is_done(one, history) for one in step)
        case Group(choice=Choice.ALL):
            return all(is_done(branch, history) for branch in step.branches)
        case Group(choice=Choice.RACE):
            return any(is_done(branch, history) for branch in step.branches)
        case Group():
            taken = _taken(step, history)
            return taken is not None and is_done(taken, history)
        case event:
            return event in history


def leaves(step: Step) -> Iterator[type[Event]]:
    """All event classes of a step, in the order of the declaration."""
    match step:
        case tuple():
            for one in step:
                yield from leaves(one)
        case Group():
            yield from leaves(step.branches)
        case event:
            yield event


def in_order(activity: Activity, happened: Collection[type[Event]]) -> tuple[type[Event], ...]:
    """An order in which these may have happened: the given one, as far as the activity allows it."""
    history: list[type[Event]] = []
    rest = list(happened)
    while rest:
        may = ActivityState(activity, tuple(history)).allowed
        following = next((one for one in rest if one in may), rest[0])
        rest.remove(following)
        history.append(following)
    return tuple(history)


def is_legal(activity: Activity, history: History) -> bool:
    """Whether each event was allowed when it came."""
    return all(
        event in ActivityState(activity, tuple(history[:position])).allowed
        for position, event in enumerate(history)
    )


def _open(group: Group, history: History) -> Sequence[Step]:
    """The branches that may still go on."""
    if is_done(group, history):
        return ()
    taken = _taken(group, history) if group.choice is Choice.ANY else None
    return group.branches if taken is None else (taken,)


def _taken(group: Group, history: History) -> Step | None:
    """The branch that has started; of an `any_of` there is one at most."""
    return next((one for one in group.branches if any(event in history for event in leaves(one))), None)


def _names(events: Collection[type[Event]]) -> list[str]:
    return [event.__name__ for event in events]
