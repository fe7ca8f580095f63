"""What moves a machine: the route from the change to its record, and the triggers that can never fire."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from framework.computations.deadline import Deadline
from framework.computations.sequence import Sequence
from framework.computations.statemachine import StateMachine
from framework.computations.triggers import OWN_ROW, UNKNOWN, Occasion, Trigger
from framework.model.apicall import CallStatus
from framework.model.columns import without_none
from framework.model.entity import Event
from framework.model.fields import UNDEFINED
from framework.model.record import Record
from framework.plan.mistakes import DeadTrigger, UnknownRead, UnknownRelation
from framework.plan.shape import Kind, Route, Shape
from framework.plan.shapes import Shapes
from framework.plan.views import ends_of_relation, is_to_one, routes_of_relation, sources_of


class TriggerPlanner:
    """Resolves the triggers of one machine; every one that can never fire is a DeadTrigger."""

    def __init__(self, shapes: Shapes, shape: Shape, name: str, machine: StateMachine[Any]) -> None:
        self.shapes = shapes
        self.shape = shape
        self.name = name
        self.machine = machine

    def resolved(self, trigger: Trigger) -> list[tuple[Trigger, Route]]:
        """The trigger with its field by name, and the way from the records whose changes it waits for to the
        machine's own; of what is merged, one for each class.
        """
        if trigger.records is OWN_ROW:
            trigger = self._of_own_row(trigger)
            routes = [Route(self.shape, self.shape, "id", None)]
        elif isinstance(trigger.records, type):
            routes = self._of_class(trigger, trigger.records)
        else:
            routes = self._of_relation(trigger)
        return [(self._checked(trigger, route), route) for route in routes]

    def _checked(self, trigger: Trigger, route: Route) -> Trigger:
        sources = [end.shape for end in route.ends] or [route.related]
        for source in sources:
            self._check(trigger, source)
        if trigger.field is not None and route.ends:
            self._check_alike(trigger, route)
        if trigger.occasion is Occasion.BECAME:
            first, *others = (_start(source, trigger.field) for source in sources)
            return replace(trigger, start=first if all(one == first for one in others) else UNKNOWN)
        return trigger

    def _check_alike(self, trigger: Trigger, route: Route) -> None:
        """Raises for a field that is of one type in one class, and of another in another."""
        kinds = {}
        for shape in (end.shape for end in route.ends):
            kind = without_none(shape.model.model_fields[trigger.field].annotation)
            kinds[shape.name] = f"{getattr(kind, '__name__', kind)}", repr(shape.table.c[trigger.field].type)
        if len(set(kinds.values())) > 1:
            there = " and ".join(f"{kind} in {name}" for name, (kind, _) in kinds.items())
            reason = f"it is {there}. Give it one type, or wait for each relation by itself."
            raise self._dead(trigger, route.title, reason)

    def _of_own_row(self, trigger: Trigger) -> Trigger:
        shape, field = self.shape, self.machine.field_name(trigger.field)
        if field is not None:
            return replace(trigger, field=field)
        relation = self.machine.relation_name(trigger.field)
        reason = (
            f"it names no field of {shape.name}. Name one in quotes, or what stands above in the class body."
            if relation is None
            else f"{shape.name}.{relation} is a relation. Name the field of its records too."
        )
        raise self._dead(replace(trigger, field=relation or trigger.field), shape.name, reason)

    def _of_relation(self, trigger: Trigger) -> list[Route]:
        relation = self.machine.relation_name(trigger.records)
        if relation is None:
            raise UnknownRelation(
                model=self.shape.name,
                property=self.name,
                computation="StateMachine",
                remedy=", or use `on(EventClass)`",
            )
        if is_to_one(self.shapes, self.shape, relation):
            ends = ends_of_relation(self.shapes, self.shape, self.name, "StateMachine", relation)
            if trigger.to is not None:
                reason = f"the relation {relation} is the route. Leave out `to`."
                raise self._dead(trigger, f"{self.shape.name}.{relation}", reason)
            return [Route(self.shape, self.shape, "id", relation, ends=ends)]
        routes = routes_of_relation(self.shapes, self.shape, self.name, "StateMachine", relation)
        for route in routes:
            if trigger.to not in (None, route.key):
                way = f"{route.source.name}.{route.key}"
                reason = f"the relation {relation} is the route, by {way}. Leave out `to`."
                raise self._dead(trigger, route.related.name, reason)
        return routes

    def _of_class(self, trigger: Trigger, model: type[Any]) -> list[Route]:
        sources = sources_of(self.shapes, model) if issubclass(model, Record) else []
        if not sources:
            kind = "an event" if issubclass(model, Event) else "a record class"
            reason = f"{model.__name__} is not {kind} of this App. Add it to the App's modules."
            raise self._dead(trigger, model.__name__, reason)
        return [
            Route(self.shape, source, self._key(trigger, source), None, lens=lens) for source, lens in sources
        ]

    def _key(self, trigger: Trigger, source: Shape) -> str | None:
        """The field that leads to the machine's record (None: it is the one Global)."""
        keys = [key for key, target in source.references.items() if target is self.shape]
        if trigger.to is not None:
            if trigger.to not in keys:
                there = f"Those are: {', '.join(keys)}." if keys else "It has none."
                reason = f"{source.name}.{trigger.to} is no foreign key to {self.shape.name}. {there}"
                raise self._dead(trigger, source.name, reason)
            return trigger.to
        if not keys and self.shape.kind is Kind.GLOBAL:
            return None  # there is one row: no route is needed
        if len(keys) == 1:
            return keys[0]
        if not keys:
            remedy = f"Add one, such as `{self.shape.table.name}_id`."
            reason = f"{source.name} has no foreign key to {self.shape.name}. {remedy}"
        else:
            routes = " or ".join(f'`to="{key}"`' for key in keys)
            reason = f"{source.name} has {len(keys)} foreign keys to {self.shape.name}. Say which: {routes}."
        raise self._dead(trigger, source.name, reason)

    def _check(self, trigger: Trigger, source: Shape) -> None:
        """Raises for a field that is not there or never changes, and for a value that it never has."""
        if (
            isinstance(trigger.value, CallStatus)
            and source.kind is not Kind.CALL
            and trigger.field == "status"
        ):
            reason = f"{source.name} is no APICall. Use created, deleted or changed."
            raise self._dead(trigger, source.name, reason)
        if trigger.field is not None and trigger.field not in source.fields:
            place, fields = f"{self.shape.name}.{self.name}", ", ".join(source.fields)
            raise UnknownRead(place=place, model=source.name, field=trigger.field, fields=fields)
        if source.kind is Kind.EVENT and trigger.occasion in (Occasion.CHANGED, Occasion.DELETED):
            reason = f"{source.name} is an event, and events never change. Use created."
            raise self._dead(trigger, source.name, reason)
        if trigger.occasion is Occasion.CHANGED and _never_changes(source, trigger.field):
            reason = f"{source.name}.{trigger.field} never changes. Name a field that does."
            raise self._dead(trigger, source.name, reason)
        if trigger.occasion is Occasion.BECAME:
            reason = _never_becomes(source, trigger.field, trigger.value)
            if reason:
                raise self._dead(trigger, source.name, f"{source.name}.{trigger.field} {reason}")

    def _dead(self, trigger: Trigger, source: str, reason: str) -> DeadTrigger:
        label = trigger.describe(source)
        return DeadTrigger(model=self.shape.name, property=self.name, trigger=label, reason=reason)


def _never_changes(source: Shape, field: str) -> bool:
    return (
        field == "id"
        or (source.kind is Kind.CALL and field in source.facts)
        or isinstance(source.model.__computed__.get(field), Sequence)
    )


def _never_becomes(source: Shape, field: str, value: Any) -> str:
    """Why the field never reaches the value; empty if it may."""
    computation = source.model.__computed__.get(field)
    if isinstance(computation, Deadline) and value not in (computation.before, computation.after):
        return f"is {computation.before} and then {computation.after}. Name one of them."
    declared = source.model.model_fields[field]
    annotation: Any = (
        Annotated[declared.annotation, *declared.metadata] if declared.metadata else declared.annotation
    )
    try:
        valid = TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        return f"is never {value!r}: {error.errors()[0]['msg']}. Name a value that it can have."
    if valid != value:
        return f"is never {value!r}, but it may be {valid!r}. Name a value that it can have."
    if isinstance(computation, StateMachine) and not computation.enters(value):
        return f"starts as {str(value)!r}, and no transition leads back to it. Name another state."
    return ""


def _start(source: Shape, field: str) -> Any:
    """What the field of a new record starts with, where that is the same for all of them."""
    if field in source.model.__computed__:
        return source.model.__computed__[field].initial
    default = source.model.__facts__[field]
    return UNKNOWN if default is UNDEFINED or callable(default) else default
