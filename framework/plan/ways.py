"""Ways: by which keys the records are found that a property is computed from, and in which classes.

A declaration names relations, views and classes, and may stay the same while they become others: a link is
seen from its other end, the relation that a `Custom` reads has another key, the classes that extend a class
come and go.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from framework.plan.node import (
    AdditiveNode,
    CollectNode,
    CustomNode,
    ExtremeNode,
    GroupedNode,
    Node,
    RecencyNode,
)
from framework.plan.shape import Far, Route


def ways_of(nodes: Sequence[Node]) -> Mapping[str, list[str]]:
    """By the name of each property of one of these kinds, such as `Order.total`, its ways in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        match node:
            case AdditiveNode(route=route, members=members):
                for member in members:
                    found[f"{route.host.name}.{member.property}"].append(_way(route))
            case (
                GroupedNode(route=route)
                | ExtremeNode(route=route)
                | RecencyNode(route=route)
                | CollectNode(route=route)
            ):
                found[node.name.partition(" of ")[0]].append(_way(route))  # a part of several is named so
            case CustomNode():
                found[node.name] += _ways_of_custom(node)
    return {name: sorted(ways) for name, ways in found.items()}


def _ways_of_custom(node: CustomNode) -> Iterator[str]:
    yield from (f"{name}: {_way(route)}" for name, route in node.relations)
    yield from (f"over: {_way(route)}" for route in node.over)
    for name, ends in node.records:
        yield f"{name}: {', '.join(map(_end, ends))}"


def _way(route: Route) -> str:
    far = "" if route.far is None else f" to {_end(route.far)}"
    lens = "" if route.lens is None else f" in {route.lens.column}"
    return f"{route.source.name} by {route.key}{far}{lens}"


def _end(end: Far) -> str:
    return f"{end.shape.name} by {end.key}" + ("" if end.lens is None else f" in {end.lens.column}")
