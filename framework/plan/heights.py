"""Heights: how far each node is from the facts, and the circles that have none."""

from collections import defaultdict
from collections.abc import Sequence

from framework.plan.mistakes import CyclicComputation
from framework.plan.node import MachineNode, Node, RuleNode
from framework.plan.shape import Shape

Vertex = tuple[Shape, str | None]


def give_heights(nodes: Sequence[Node]) -> None:
    """Set the height of each node to one more than the greatest height that it reads.

    A fact is as high as the existence of its record, which is as high as the rules that make it; what no node
    writes has height 0. Raises CyclicComputation with the path of the first circle.
    """
    writers: dict[Vertex, list[Node]] = defaultdict(list)
    for node in nodes:
        for vertex in node.writes:
            writers[vertex].append(node)
    done: set[Node] = set()
    path: list[Node] = []

    def visit(node: Node) -> None:
        if node in done:
            return
        if node in path:
            circle = [*path[path.index(node) :], node]
            raise CyclicComputation(path=" <- ".join(one.name for one in circle), remedy=_remedy(circle))
        path.append(node)
        below = [writer for read in node.reads for writer in writers[_vertex(read)]]
        for writer in sorted(set(below), key=lambda one: one.name):
            visit(writer)
        node.height = 1 + max((writer.height for writer in below), default=0)
        path.pop()
        done.add(node)

    for node in nodes:
        visit(node)


def _remedy(circle: Sequence[Node]) -> str:
    if {RuleNode, MachineNode} <= set(map(type, circle)):
        return (
            "What a rule makes because of a state cannot move it in the same transaction. Let the transition "
            "wait for what the rule waits for, or let the rule make an APICall, whose outcome comes later"
        )
    return "Break the circle by storing one as a fact"


def _vertex(read: Vertex) -> Vertex:
    shape, name = read
    return read if shape.is_derived(name) else (shape, None)
