"""Nodes of totals by key: a dictionary on the host, and by key the state that it is made from."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from operator import add
from typing import Any, get_args, get_origin
from uuid import UUID

from framework.computations.aggregate import Additive, Groups
from framework.model.columns import Structured, without_none
from framework.plan.builders.additive import with_places
from framework.plan.builders.annotations import annotation_of, check_additive, places_at
from framework.plan.builders.carried import carried_groups, reads_of_link
from framework.plan.builders.parts import of_parts
from framework.plan.builders.route import reads_of_related, routes_of
from framework.plan.given import given_of
from framework.plan.hidden import hidden_name
from framework.plan.lens import through
from framework.plan.mistakes import WrongKeys
from framework.plan.node import GroupedNode, Node
from framework.plan.shape import HiddenColumn, Route, Shape
from framework.plan.shapes import Shapes

_KEYS = (str, int, UUID, date)  # with all that is one of these: a StrEnum, a bool


def grouped_node(shapes: Shapes, shape: Shape, name: str, computation: Additive[Any, Any]) -> Iterator[Node]:
    """A node for each class that is counted, and those of what links carry for it.

    Where several classes are, each has groups of its own, and one more node adds them up.
    """
    routes = routes_of(shapes, shape, name, computation)
    key: Any = _key_of(shape, name, computation)
    computation = with_places(computation, places_at(shape, name))
    if len(routes) == 1:
        yield from _part(shapes, routes[0], name, computation, key, hidden_name(name, "groups"), name)
        return
    parts = [hidden_name(name, route.related.table.name, "groups") for route in routes]
    for part, route in zip(parts, routes, strict=True):
        shape.inner.append(part)
        yield from _part(shapes, route, name, computation, key, part, None)
    yield of_parts(shape, name, parts, lambda values: computation.by_key(_together(values)))


def _part(
    shapes: Shapes,
    route: Route,
    name: str,
    computation: Additive[Any, Any],
    key: type,
    groups: str,
    property: str | None,
) -> Iterator[Node]:
    """The node that counts one class, or one view of it."""
    host, source = route.host, route.source
    place = f"{host.name}.{name}"
    given, declared = given_of(shapes, computation, place)
    seeing = through(route.lens, computation)
    reads = reads_of_related(route, computation, declared, place)
    if route.far is not None:
        seeing, carriers = carried_groups(route, name, key, seeing, reads, given)
        yield from carriers
        reads, given = reads_of_link(route, carriers), None
    kind = Structured(dict[key, list[int]])  # type: ignore[valid-type]  # it was declared as that
    host.hidden.append(HiddenColumn(groups, kind, default={}, nullable=False))
    node = GroupedNode(
        name=place if property else f"{place} of {route.related.name}",
        reads=reads | {(source, None), (host, None)},
        writes=frozenset({(host, property or groups)}),
        route=route,
        property=property,
        computation=seeing,
        key=key,
        groups=groups,
    )
    yield node.with_given(given)


def _together(parts: Iterable[Groups]) -> Groups:
    """What the parts have under each key, added up."""
    together: dict[Any, Sequence[int]] = {}
    for key, state in (item for part in parts for item in part.items()):
        known = together.get(key)
        together[key] = state if known is None else list(map(add, known, state))
    return together


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
