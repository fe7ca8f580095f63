"""Activities at work: an event takes its turn in each instance that it belongs to, or is refused.

The state of an instance is one row, which is locked from the question whether it is an event's turn until the
transaction ends. It holds what has happened, in order; `verify` holds it against the events that are there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID

from framework.computations.activity import (
    Activity,
    ActivityInstance,
    ActivityState,
    in_order,
    is_legal,
    leaves,
)
from framework.errors import InvariantBroken
from framework.model.entity import Event
from framework.plan.activities import ActivityPlan
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.runtime.asking import id_of, shortened
from framework.runtime.errors import (
    ActivityChanged,
    AlreadyExists,
    MissingReference,
    NoSuchRecord,
    NotAnActivityOfThisApp,
    NotAStep,
    OutOfOrder,
)
from framework.runtime.recomputation import Difference, Recomputation
from framework.runtime.uses import check_count
from framework.runtime.work import Work
from framework.storage.activities import ActivityStates
from framework.storage.codec import Row
from framework.storage.database import Connection, Database
from framework.storage.violation import Violation

_NIL = UUID(int=0)


@dataclass(frozen=True)
class Turn:
    """The turn of one event in one instance: what will have happened."""

    plan: ActivityPlan
    id: UUID
    happened: tuple[str, ...]

    def take(self, work: Work) -> None:
        """Write down that it has happened."""
        states = _states(work.database)
        if len(self.happened) > 1:
            states.set(work.connection, self.plan.name, self.id, self.happened)
            return
        try:
            states.open(work.connection, self.plan.name, self.id, self.happened)
        except Violation as violation:  # another transaction has used the id meanwhile
            raise _id_is_taken(self.plan.opening, self.id) from violation


def turns(work: Work, shape: Shape, row: Row) -> list[Turn]:
    """The turns of a new event in all its activities; raises OutOfOrder if one is not due."""
    return [turn for plan in shape.activities if (turn := _turn(work, plan, shape, row)) is not None]


def _turn(work: Work, plan: ActivityPlan, shape: Shape, row: Row) -> Turn | None:
    states = _states(work.database)
    if shape is plan.opening:
        if states.find(work.connection, plan.name, row["id"]) is not None:
            raise _id_is_taken(shape, row["id"])
        return Turn(plan, row["id"], (shape.name,))
    key = plan.keys[shape]
    id = row[key]
    if id is None:
        return None
    happened = states.find(work.connection, plan.name, id, lock=True)
    if happened is None:
        raise MissingReference(model=shape.name, field=key, target=plan.opening.name, id=id)
    state = _state(plan, id, happened)
    if shape.model not in state.allowed:
        raise OutOfOrder(event=shape.name, state=str(state), id=id, code=_code(state, shape.model))
    return Turn(plan, id, (*happened, shape.name))


def _id_is_taken(shape: Shape, id: UUID) -> AlreadyExists:
    return AlreadyExists(model=shape.name, columns="id", values=repr(str(id)), code="id_taken")


def _code(state: ActivityState, event: Any) -> str:
    if event in state.happened:
        return "happened_before"
    if event in state.pruned:
        return "pruned"
    return "too_early"


def forget(work: Work) -> None:
    """Where the event that opened an instance is gone, so is the instance."""
    for shape, changes in work.rows.items():
        for plan in shape.activities:
            if plan.opening is shape:
                for change in changes.values():
                    if change.after_row is None:
                        _states(work.database).close(work.connection, plan.name, change.id)


def state_of(plan: Plan, database: Database, activity: Activity, id: UUID) -> ActivityState:
    """How far the instance is that the event with this id opened; raises NoSuchRecord."""
    known = _known(plan, activity)
    id = id_of(known.opening, id)
    with database.reading() as connection:
        happened = _states(database).find(connection, known.name, id)
    if happened is None:
        raise NoSuchRecord(model=known.opening.name, id=id)
    return _state(known, id, happened)


def waiting(
    plan: Plan,
    database: Database,
    activity: Activity,
    event: type[Event] | None,
    after: UUID | None,
    limit: int,
) -> list[ActivityInstance]:
    """The instances that are not done, or that wait for the event, by id.

    Instances that stand alike are together in the index, so what is done, or waits for others, costs nothing.
    """
    known, states = _known(plan, activity), _states(database)
    check_count(limit, "app.activities(limit=...)", "limit=100")
    if event is not None and event not in leaves((activity.opening, *activity.steps)):
        steps = ", ".join(one.__name__ for one in leaves(activity.steps))
        raise NotAStep(event=_called(event), activity=activity.name, steps=steps)
    after = _NIL if after is None else id_of(known.opening, after)
    found: list[ActivityInstance] = []
    with database.reading() as connection:
        for happened in states.histories(connection, known.name):
            for one in states.alike(connection, known.name, happened, _NIL, 1):
                state = _state(known, one, happened)
                if event in state.allowed if event is not None else not state.is_done:
                    ids = states.alike(connection, known.name, happened, after, limit)
                    found += [ActivityInstance(id, state) for id in ids]
    return sorted(found, key=attrgetter("id"))[:limit]


def _called(thing: Any) -> str:
    """An activity or an event class by its name, and what is neither as it is."""
    if isinstance(thing, Activity):
        return thing.name
    return thing.__name__ if isinstance(thing, type) else shortened(thing)


def _known(plan: Plan, activity: Activity) -> ActivityPlan:
    known = next((one for one in plan.activities if one.activity is activity), None)
    if known is None:
        raise NotAnActivityOfThisApp(activity=_called(activity))
    return known


def take_up(plan: Plan, work: Work) -> None:
    """Let activities that are new begin with the events that are there."""
    facts = Recomputation(work, plan)
    for one in plan.activities:
        is_new = next(_states(work.database).histories(work.connection, one.name), None) is None
        if is_new and next(iter(facts.expected[one.opening]), None) is not None:
            for difference in _differences(one, facts):
                mend(work.connection, work.database, difference)


def differences(facts: Recomputation) -> Iterator[Difference]:
    """The instances whose state is not what their events say."""
    for plan in facts.plan.activities:
        yield from _differences(plan, facts)


def _differences(plan: ActivityPlan, facts: Recomputation) -> Iterator[Difference]:
    stored = dict(_states(facts.work.database).all(facts.work.connection, plan.name))
    events = _events(plan, facts)
    for id in sorted(stored.keys() | events.keys()):
        there, happened = stored.get(id), events.get(id)
        if there is None or happened is None or not _agrees(plan, there, happened):
            expected = happened and tuple(one.__name__ for one in in_order(plan.activity, happened))
            yield Difference(plan.opening.model, id, plan.name, there, expected)


def mend(connection: Connection, database: Database, difference: Difference) -> None:
    """Bring the state of an instance to what its events say."""
    states = _states(database)
    states.close(connection, difference.property, difference.id)
    if difference.expected is not None:
        states.open(connection, difference.property, difference.id, difference.expected)


def _agrees(plan: ActivityPlan, stored: tuple[str, ...], events: Iterable[type[Event]]) -> bool:
    """Whether these events, and no others, have happened in an order that the activity allows."""
    if sorted(stored) != sorted(event.__name__ for event in events):
        return False
    return is_legal(plan.activity, [plan.event(name) for name in stored])


def _events(plan: ActivityPlan, facts: Recomputation) -> dict[UUID, list[type[Event]]]:
    """The events of each instance, by class, in the order of their moments."""
    found: dict[UUID, list[tuple[Any, UUID, type[Any]]]] = {}
    for shape, key in ((plan.opening, "id"), *plan.keys.items()):
        for row in facts.expected[shape].values():
            if row[key] is not None:
                found.setdefault(row[key], []).append((row["at"], row["id"], shape.model))
    return {id: [model for _, _, model in sorted(events, key=_moment)] for id, events in found.items()}


def _moment(event: tuple[Any, UUID, type[Any]]) -> tuple[Any, UUID]:
    return event[0], event[1]


def _state(plan: ActivityPlan, id: UUID, happened: tuple[str, ...]) -> ActivityState:
    try:
        return ActivityState(plan.activity, tuple(plan.event(name) for name in happened))
    except KeyError as error:
        raise ActivityChanged(activity=plan.name, id=id, event=error.args[0]) from error


def _states(database: Database) -> ActivityStates:
    if database.tables.activities is None:
        raise InvariantBroken(problem="there is an activity, and no table for its states")
    return database.tables.activities
