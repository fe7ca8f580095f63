"""Climbing: what a record of a class has of others of its class, along one key: up a tree, or down."""

from dataclasses import dataclass

from framework.plan.node import AdditiveNode, LookupNode, Node
from framework.plan.shape import Shape


@dataclass(frozen=True)
class Climb:
    """The class and the key by which its records name their parents, and whether values go up to these."""

    shape: Shape
    key: str
    is_up: bool


def climbed(node: Node) -> Climb | None:
    """The way that a node goes within one class, if it does: a sum over children, a look at a parent."""
    match node:
        case AdditiveNode(route=route) if route.source is route.host and route.key and route.far is None:
            return Climb(route.host, route.key, is_up=True)
        case LookupNode(host=host, ends=(end,)) if end.shape is host and not end.before:
            return Climb(host, end.key, is_up=False)
        case _:
            return None
