"""Nodes of calls, from what integration events say about them."""

from framework.model.apicall import FromEvents, IntegrationEvent
from framework.plan.node import (
    Node,
    ProgressNode,
)
from framework.plan.shape import Shape
from framework.plan.shapes import Shapes


def progress_node(shapes: Shapes, shape: Shape) -> Node:
    """The step that moves calls by their events.

    It does not wait for rules that make calls: what they make in a transaction is heard of in a later one.
    So a state may give rise to a call whose outcome moves it on.
    """
    source = shapes[IntegrationEvent]
    names = [name for name, one in shape.model.__computed__.items() if isinstance(one, FromEvents)]
    return ProgressNode(
        name=f"{shape.name}.status",
        reads=frozenset({(source, None)}),
        writes=frozenset((shape, name) for name in names),
        host=shape,
        source=source,
    )
