"""Nodes of totals by key: a dictionary on the host, and by key the state that it is made from."""

from datetime import date, datetime
from typing import Any, get_args, get_origin
from uuid import UUID

from framework.computations.aggregate import Additive
from framework.model.columns import Structured, without_none
from framework.plan.builders.additive import with_places
from framework.plan.builders.annotations import annotation_of, check_additive, places_at
from framework.plan.builders.carried import carried_groups, reads_of_link
from framework.plan.builders.route import only_route, reads_of_related, routes_of
from framework.plan.given import given_of
from framework.plan.lens import through
from framework.plan.mistakes import WrongKeys
from framework.plan.node import GroupedNode, LookupNode, Node
from framework.plan.shape import HiddenColumn, Shape
from framework.plan.shapes import Shapes

_KEYS = (str, int, UUID, date)  # with all that is one of these: a StrEnum, a bool


def grouped_node(shapes: Shapes, shape: Shape, name: str, computation: Additive[Any, Any]) -> list[Node]:
    route = only_route(shape, name, "totals by key", routes_of(shapes, shape, name, computation))
    place = f"{shape.name}.{name}"
    given, declared = given_of(shapes, computation, place)
    key: Any = _key_of(shape, name, computation)
    computation = with_places(computation, places_at(shape, name))
    carriers: list[LookupNode] = []
    reads = reads_of_related(route, computation, declared, place)
    computation = through(route.lens, computation)
    if route.far is not None:
        computation, carriers = carried_groups(route, name, key, computation, reads, given)
        reads, given = reads_of_link(route, carriers), None
    groups = f"_{name}_groups"
    shape.hidden.append(HiddenColumn(groups, Structured(dict[key, list[int]]), default={}, nullable=False))
    node = GroupedNode(
        name=place,
        reads=reads | {(route.source, None), (shape, None)},
        writes=frozenset({(shape, name)}),
        route=route,
        property=name,
        computation=computation,
        key=key,
        groups=groups,
    )
    return [*carriers, node.with_given(given)]


def _key_of(shape: Shape, name: str, computation: Additive[Any, Any]) -> type:
    """The class of the keys, after the annotation has been checked."""
    annotation = annotation_of(shape, name)
    key, value = get_args(annotation) if get_origin(annotation) is dict else (None, None)
    plain = getattr(key, "__supertype__", key)
    if not isinstance(plain, type) or not issubclass(plain, _KEYS) or issubclass(plain, datetime):
        title = type(computation).__name__
        gives = {"Count": "int", "Every": "bool", "Some": "bool", "Average": "float"}.get(title, "int")
        raise WrongKeys(
            model=shape.name, property=name, computation=title, gives=gives,
            keys=computation.by.__name__ if computation.by.__name__ != "<lambda>" else "what it gives",
            annotation=getattr(annotation, "__name__", annotation) if key is None else annotation,
        )  # fmt: skip
    check_additive(shape, name, computation, without_none(value))
    return plain
