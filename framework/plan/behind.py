"""Behind: the steps on which it depends what a property is, or that a record is there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from framework.plan.heights import Vertex, vertex_of
from framework.plan.node import MachineNode, Node
from framework.plan.shape import Shape


class Behind:
    """Knows them by their bits, of each property from when it is asked for."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._writers: dict[Vertex, list[Node]] = defaultdict(list)
        for node in nodes:
            for vertex in {*node.writes, *_goes_with(node)}:
                self._writers[vertex].append(node)
        self._known: dict[Vertex, int] = {}

    def __call__(self, shape: Shape, name: str | None = None) -> int:
        """The steps behind a property of a class, or behind its records."""
        known = self._known.get((shape, name))
        if known is None:
            found = self._all([(shape, None), (shape, name)])
            known = self._known[shape, name] = sum(node.bit for node in found)
        return known

    def _all(self, vertices: Iterable[Vertex]) -> set[Node]:
        found: set[Node] = set()
        growing = [*vertices]
        while growing:
            new = set(self._writers.get(vertex_of(growing.pop()), ())) - found
            found |= new
            growing += [read for node in new for read in node.reads]
        return found


def _goes_with(node: Node) -> Iterator[Vertex]:
    """The records that a step may let go, and those that go along or are let go of."""
    growing = [shape for shape, name in node.writes if name is None]
    if isinstance(node, MachineNode) and node.machine.erases is not None:
        growing.append(node.host)
    known: set[Shape] = set()
    while growing:
        shape = growing.pop()
        if shape not in known:
            known.add(shape)
            yield shape, None
            growing += [referrer for referrer, _, _ in shape.referrers]
