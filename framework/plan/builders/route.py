"""The ways from the sources of a computation to its host, as the computation names them."""

from typing import Any

from framework.computations.aggregate import Aggregate
from framework.plan.mistakes import UnknownRelation
from framework.plan.reading import Read, read_fields
from framework.plan.shape import Route, Shape
from framework.plan.shapes import Shapes
from framework.plan.views import routes_of_class, routes_of_relation


def routes_of(shapes: Shapes, shape: Shape, name: str, computation: Aggregate[Any, Any]) -> tuple[Route, ...]:
    """One way, or of what is merged one for each class."""
    title = type(computation).__name__
    if isinstance(computation.records, type):
        return tuple(routes_of_class(shapes, shape, name, title, computation.records))
    relation = computation.relation_name(computation.records)
    if relation is None:
        remedy = ", or a record class on a `Global`"
        raise UnknownRelation(model=shape.name, property=name, computation=title, remedy=remedy)
    return tuple(routes_of_relation(shapes, shape, name, title, relation))


def reads_of_related(
    route: Route, computation: Aggregate[Any, Any], declared: tuple[str, ...] | None, place: str
) -> frozenset[Read]:
    """What the computation reads of the records that count, membership of a view included."""
    reads = read_fields(route.related, computation.callbacks(), declared, place, route.taken_for)
    return reads if route.lens is None else reads | {(route.related, route.lens.column)}
