"""Which records are computed from a Global, and which move one that others are computed from."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from framework.plan.given import Given
from framework.plan.node import MachineNode, Node
from framework.plan.shape import Shape


def tell_parameters(nodes: Sequence[Node]) -> None:
    """Tell each class the Globals that are read, or moved, in the wake of its records."""
    found: dict[Shape, dict[Shape, bool]] = defaultdict(dict)
    for node in nodes:
        for given in givens_of(node):
            given.shape.is_parameter = True
            for shape in {shape for shape, _ in node.reads | node.writes}:
                found[shape].setdefault(given.shape, False)
            for shape in _movers(given, nodes):
                found[shape][given.shape] = True
    for shape, globals_ in found.items():
        others = [(one, moves) for one, moves in globals_.items() if one is not shape]
        shape.parameters = tuple(sorted(others, key=lambda pair: pair[0].position))


def givens_of(node: Node) -> Iterable[Given]:
    """All that the callbacks of a node are given."""
    own = [node.given] if node.given else []
    guards = node.guards.values() if isinstance(node, MachineNode) else ()
    return [*own, *(guard.given for guard in guards if guard.given)]


def _movers(given: Given, nodes: Sequence[Node]) -> set[Shape]:
    """The classes from whose records the parameters that are computed follow, however far away."""
    wanted = {read for read in given.reads if given.shape.is_derived(read[1])}
    movers: set[Shape] = set()
    growing = bool(wanted)
    while growing:
        below = {read for node in nodes if node.writes & wanted for read in node.reads}
        growing = not below <= wanted
        wanted |= below
        movers |= {shape for shape, _ in below}
    return movers - {given.shape}
