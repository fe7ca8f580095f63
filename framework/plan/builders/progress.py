"""Nodes of calls, from what integration events say about them."""

from framework.model.apicall import FromEvents, IntegrationEvent
from framework.plan.node import (
    Node,
    ProgressNode,
)
from framework.plan.shape import Shape
from framework.plan.shapes import Shapes


def progress_node(shapes: Shapes, shape: Shape) -> Node:
    source = shapes[IntegrationEvent]
    names = [name for name, one in shape.model.__computed__.items() if isinstance(one, FromEvents)]
    return ProgressNode(
        name=f"{shape.name}.status",
        reads=frozenset({(source, None), (shape, None)}),
        writes=frozenset((shape, name) for name in names),
        host=shape,
        source=source,
    )
