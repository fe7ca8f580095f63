"""The steps that are due in one transaction, by height."""

from collections.abc import Iterator
from heapq import heappop, heappush

from framework.errors import InvariantBroken
from framework.plan.node import Node


class Due:
    """Each step once, however often it is woken, and after all that it reads."""

    __slots__ = ("_heap", "_nodes", "_running")

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._nodes: dict[int, Node] = {}
        self._running = -1

    def fresh(self) -> "Due":
        """One of its kind that has nothing due yet."""
        return Due()

    def wake(self, node: Node) -> None:
        """A step is due, once, at its height."""
        position = node.position
        if position in self._nodes:
            return
        if position <= self._running:
            raise InvariantBroken(problem=f"{node.name} was woken after its turn")
        self._nodes[position] = node
        heappush(self._heap, position)

    def __iter__(self) -> Iterator[Node]:
        """The steps that are due, lowest first, with those that they wake."""
        while self._heap:
            position = heappop(self._heap)
            self._running = position
            yield self._nodes[position]
            del self._nodes[position]
        self._running = -1
