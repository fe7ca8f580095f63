"""The one record that a to-one relation, or a view of such relations, leads to, for machines that wait
for it: what their own record carries of it.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.types import TypeEngine

from framework.computations.triggers import Occasion, OneTrigger, Trigger
from framework.plan.builders.carried import carry
from framework.plan.hidden import hidden_name
from framework.plan.lens import presence_at
from framework.plan.node import LookupNode
from framework.plan.reading import Read
from framework.plan.shape import Far, Route


def chosen_trigger(route: Route, trigger: Trigger) -> tuple[Trigger, list[LookupNode]]:
    """The trigger over what the record carries, and the nodes of who is chosen and of the field that it waits
    for; none where another trigger waits for the same.
    """
    relation, carried = str(route.relation), []
    (first, *others), field = route.ends, trigger.field
    who = first.key
    if others or first.lens is not None:  # else the key itself says it
        who = hidden_name("at", relation)
        kind: TypeEngine[Any] = Text() if others else first.shape.table.c["id"].type
        carried += _carry(route, who, kind, _said(route.ends), None)
    column = None if field is None else hidden_name("at", relation, "", field)
    if column is not None and field is not None:
        carried += _carry(route, column, first.shape.table.c[field].type, attrgetter(field), field)
    return OneTrigger.over(trigger, column, who), carried


def located(route: Route, who: Any) -> tuple[Far, UUID]:
    """The end that a record is at, and its id."""
    if len(route.ends) == 1:
        return route.ends[0], who
    key, _, id = who.partition(" ")
    return next(end for end in route.ends if end.key == key), UUID(id)


def is_of_before(trigger: Trigger) -> bool:
    """Whether the trigger concerns the record that was chosen, and not the one that is."""
    return trigger.occasion in (Occasion.LEFT, Occasion.DELETED)


def _said(ends: tuple[Far, ...]) -> Callable[[Any], Any]:
    """Who is chosen: an id; of several classes, whose records may have ids in common, with its key."""
    if len(ends) == 1:
        return attrgetter("id")
    return lambda record: next(
        f"{end.key} {record.id}" for end in ends if isinstance(record, end.shape.model)
    )


def _carry(
    route: Route, column: str, kind: TypeEngine[Any], of: Callable[[Any], Any], field: str | None
) -> list[LookupNode]:
    if column in route.host.inner:
        return []
    reads = frozenset[Read]().union(*map(presence_at, route.ends))
    if field is not None:
        reads |= {(end.shape, field) for end in route.ends}
    name = ".".join([route.host.name, str(route.relation), *([field] if field else [])])
    return [carry(route.host, route.ends, column, kind, of, reads, name=name)]
