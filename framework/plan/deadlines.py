"""Deadlines: which of them turn in the order of their moments, however late the timer is."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from framework.plan.node import CollectNode, DeadlineNode, MachineNode, Node, RecencyNode, SequenceNode
from framework.plan.shape import Shape

Clocks = tuple[DeadlineNode, ...]
"""Deadlines that turn in the order of their moments."""

Wakes = Callable[[Node], Iterable[tuple[Shape, str | None]]]
"""The changes after which a step has something to do."""

_REMEMBERING = (MachineNode, SequenceNode, RecencyNode, CollectNode)
"""Steps whose value is another one when things happen in another order."""


def clocks_of(nodes: Sequence[Node], wakes: Wakes) -> tuple[Clocks, ...]:
    """The deadlines, together those from which a step follows that remembers the order."""
    deadlines = [node for node in nodes if isinstance(node, DeadlineNode)]
    if len(deadlines) < 2:
        return tuple((node,) for node in deadlines)
    readers: dict[tuple[Shape, str | None], list[Node]] = defaultdict(list)
    for node in nodes:
        for read in wakes(node):
            readers[read].append(node)
    groups: list[tuple[set[Node], Clocks]] = []
    for node in deadlines:
        reached = {one for one in _following(node, readers) if isinstance(one, _REMEMBERING)}
        joined = [group for group in groups if not group[0].isdisjoint(reached)]
        groups = [group for group in groups if group not in joined]
        members = [one for _, clocks in joined for one in clocks]
        groups.append((reached.union(*(steps for steps, _ in joined)), (*members, node)))
    return tuple(clocks for _, clocks in groups)


def _following(node: Node, readers: dict[tuple[Shape, str | None], list[Node]]) -> set[Node]:
    """All steps that may have something to do after this one."""
    found: set[Node] = set()
    ahead = [node]
    while ahead:
        following = {one for written in ahead.pop().writes for one in readers.get(written, ())} - found
        found |= following
        ahead += following
    return found
