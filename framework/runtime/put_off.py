"""Steps of circles: they are carried out when all else has followed."""

from collections.abc import Iterable
from typing import TypeVar

from framework.plan.node import Node, RuleNode
from framework.runtime.errors import EndlessCircle
from framework.runtime.work import Work

N = TypeVar("N", bound=Node)

LONGEST = 1000
"""So many waves may follow of what rules make, or levels of a tree with machines: who is not done then goes
round.
"""

_RULES = object()


def put_off(work: Work, rule: RuleNode) -> None:
    """The rule is applied in the next wave."""
    _note(work, _RULES, rule)


def take_put_off(work: Work) -> list[RuleNode]:
    """All rules that were put off, once, in the order of the plan."""
    return _take(work, _RULES)


def go_along(work: Work, node: Node) -> None:
    """The step is carried out with all others of its tree."""
    assert node.tree is not None, "who waits and is no rule goes along a tree"
    _note(work, node.tree, node)
    work.wake(node.tree)


def take_along(work: Work, tree: Node) -> list[Node]:
    """All that go along the tree, once, in the order of the plan."""
    return _take(work, tree)


def refuse_endless(number: int, nodes: Iterable[Node]) -> None:
    """Raises EndlessCircle if steps that come again and again have come too often."""
    if number > LONGEST:
        raise EndlessCircle(steps=", ".join(node.name for node in nodes), waves=LONGEST)


def _note(work: Work, where: object, node: Node) -> None:
    nodes: dict[Node, None] = work.notes.setdefault(where, {})
    nodes[node] = None


def _take(work: Work, where: object) -> list[N]:
    if where not in work.notes:
        return []
    return sorted(work.notes.pop(where), key=lambda node: node.position)
