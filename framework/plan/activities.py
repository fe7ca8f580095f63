"""Activities: how their events find their instance, and the mistakes that can be seen without data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from framework.computations.activity import Activity, Group, Step, leaves
from framework.model.apicall import IntegrationEvent
from framework.model.entity import Event
from framework.plan.mistakes import (
    FleetingStep,
    NoStep,
    PointlessGroup,
    RepeatedStep,
    StepMadeByRule,
    TwoActivitiesOneName,
    UnroutedStep,
    UnusableStep,
)
from framework.plan.shape import Shape
from framework.plan.shapes import Shapes
from framework.plan.tableless import with_table


@dataclass(frozen=True, eq=False)
class ActivityPlan:
    """An activity with the routes of its events: the fields that name the instance, by class."""

    activity: Activity
    opening: Shape
    keys: Mapping[Shape, str]

    @property
    def name(self) -> str:
        return self.activity.name

    def event(self, name: str) -> type[Event]:
        """The event class of this activity that has the name; raises KeyError if there is none any more."""
        return {one.__name__: one for one in leaves((self.activity.opening, *self.activity.steps))}[name]


def take_activities(shapes: Shapes, activities: Iterable[Activity]) -> tuple[ActivityPlan, ...]:
    """The activities, checked; each class of events knows those that it is part of."""
    plans: dict[str, ActivityPlan] = {}
    for activity in activities:
        if activity.name in plans:
            raise TwoActivitiesOneName(activity=activity.name)
        if not activity.steps:
            raise NoStep(activity=activity.name)
        for step in activity.steps:
            _check(activity, step)
        opening, *others = _events(shapes, activity)
        keys = {shape: _route(activity, opening, shape) for shape in others}
        plan = plans[activity.name] = ActivityPlan(activity, opening, keys)
        for shape in (opening, *others):
            shape.activities += (plan,)
    return tuple(plans.values())


def _check(activity: Activity, step: Step) -> None:
    match step:
        case Group():
            if len(step.branches) < 2:
                raise PointlessGroup(activity=activity.name, group=step.choice, branches=len(step.branches))
            for branch in step.branches:
                _check(activity, branch)
        case tuple():
            if not step:
                raise PointlessGroup(activity=activity.name, group="sequence", branches=0)
            for one in step:
                _check(activity, one)


def _events(shapes: Shapes, activity: Activity) -> list[Shape]:
    found: dict[Shape, None] = {}
    for event in leaves((activity.opening, *activity.steps)):
        if not _is_event(event):
            raise UnusableStep(activity=activity.name, step=getattr(event, "__name__", repr(event)))
        shape = with_table(shapes, event, f"the activity {activity.name}")
        if shape in found:
            raise RepeatedStep(activity=activity.name, event=shape.name)
        if shape.makers:
            raise StepMadeByRule(activity=activity.name, event=shape.name, rule=shape.makers[0].rule.name)
        found[shape] = None
    return list(found)


def _is_event(step: object) -> bool:
    return isinstance(step, type) and issubclass(step, Event) and step is not IntegrationEvent


def _route(activity: Activity, opening: Shape, shape: Shape) -> str:
    keys = [key for key, target in shape.references.items() if target is opening]
    if len(keys) != 1:
        reason = (
            f"has no foreign key to {opening.name}. Add one, such as `{opening.table.name}_id`."
            if not keys
            else f"has {len(keys)} foreign keys to {opening.name} ({', '.join(keys)}). Keep one."
        )
        raise UnroutedStep(activity=activity.name, event=shape.name, reason=reason)
    for key, target in shape.references.items():
        (reference,) = shape.table.c[key].foreign_keys
        if key != keys[0] and reference.ondelete == "CASCADE":
            raise FleetingStep(activity=activity.name, event=shape.name, field=key, target=target.name)
    return keys[0]
