"""Heights: how far each node is from the facts, and the circles that have none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from framework.plan.mistakes import CyclicComputation
from framework.plan.node import MachineNode, Node, RuleNode
from framework.plan.shape import Shape

Vertex = tuple[Shape, str | None]

Below = dict[Node, list[Node]]
"""By node, those that write what it reads."""


def give_heights(nodes: Sequence[Node]) -> None:
    """Set the height of each node to one more than the greatest height that it reads.

    A fact is as high as the existence of its record, which is as high as the rules that make it; what no node
    writes has height 0. Raises CyclicComputation with the path of the first circle, unless it leads through a
    rule and a machine: a machine has moved when the rule is applied, and what that makes moves it further.
    """
    below = _below(nodes)
    circle = _measure(below)
    if circle:
        _let_rules_wait(below)
        circle = _measure(below)
    if circle:
        _refuse(circle)


def _below(nodes: Sequence[Node]) -> Below:
    writers: dict[Vertex, list[Node]] = defaultdict(list)
    for node in nodes:
        for vertex in node.writes:
            writers[vertex].append(node)
    return {
        node: sorted(
            {writer for read in node.reads for writer in writers[_vertex(read)]}, key=lambda one: one.name
        )
        for node in nodes
    }


def _measure(below: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """Set the heights; the first circle, if there is one."""
    done: set[Node] = set()
    path: list[Node] = []

    def visit(node: Node) -> bool:
        if node in done:
            return True
        if node in path:
            path[:] = [*path[path.index(node) :], node]
            return False
        path.append(node)
        if not all(map(visit, below[node])):
            return False
        node.height = 1 + max((writer.height for writer in below[node]), default=0)
        path.pop()
        done.add(node)
        return True

    return [] if all(map(visit, below)) else path


def _let_rules_wait(below: Below) -> None:
    """Let the rules of circles make their records in the next wave: who reads these comes before them.

    Raises CyclicComputation for a circle without a machine: there a value would define itself.
    """
    circle = _measure(
        {
            node: [one for one in those if not isinstance(one, MachineNode)]
            for node, those in below.items()
            if not isinstance(node, MachineNode)
        }
    )
    if circle:
        _refuse(circle)
    waiting = {}
    for rule in below:
        if isinstance(rule, RuleNode):
            lower = _all_below(rule, below)
            if rule in lower:
                rule.waits, waiting[rule] = True, lower
    for rule, lower in waiting.items():
        for node in lower:
            below[node] = [one for one in below[node] if one is not rule]


def _all_below(node: Node, below: Below) -> set[Node]:
    found: set[Node] = set()
    growing = [node]
    while growing:
        more = set(below[growing.pop()]) - found
        found |= more
        growing += more
    return found


def _refuse(circle: Sequence[Node]) -> None:
    remedy = "Break the circle by storing one as a fact"
    if any(isinstance(node, MachineNode) for node in circle):
        remedy = (
            "Machines cannot wait for each other in one transaction. Let one wait for what moves the other, "
            "or let a rule make an event of the one that the other waits for"
        )
    raise CyclicComputation(path=" <- ".join(one.name for one in circle), remedy=remedy)


def _vertex(read: Vertex) -> Vertex:
    shape, name = read
    return read if shape.is_derived(name) else (shape, None)
