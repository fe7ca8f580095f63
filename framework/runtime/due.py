"""The steps that are due in one transaction, by height."""

from collections.abc import Iterator, Sequence

from framework.errors import InvariantBroken
from framework.plan.node import Node


class Due:
    """Each step once, however often it is woken, and after all that it reads."""

    __slots__ = ("_nodes", "_woken")

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes  # in their order
        self._woken = 0  # a bit for each step

    def fresh(self) -> "Due":
        """One of its kind that has nothing due yet."""
        return Due(self._nodes)

    def twin(self) -> "Due":
        """One of its kind that has the same due."""
        twin = self.fresh()
        twin._woken = self._woken
        return twin

    def has_any_of(self, nodes: int) -> bool:
        """Whether one of the nodes is due, which are given by their bits."""
        return bool(self._woken & nodes)

    def wake(self, node: Node) -> None:
        """A step is due, once, at its height."""
        self._woken |= node.bit

    def __iter__(self) -> Iterator[Node]:
        """The steps that are due, lowest first, with those that they wake."""
        running = 0
        while self._woken:
            lowest = self._woken & -self._woken
            node = self._nodes[lowest.bit_length() - 1]
            if lowest <= running:
                raise InvariantBroken(problem=f"{node.name} was woken after its turn")
            running = lowest
            yield node
            self._woken ^= lowest
