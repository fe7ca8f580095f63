"""Steps of circles: they are carried out when all else has followed."""

from framework.plan.node import Node, RuleNode
from framework.runtime.work import Work

_RULES = object()


def put_off(work: Work, rule: RuleNode) -> None:
    """The rule is applied in the next wave."""
    rules: dict[RuleNode, None] = work.notes.setdefault(_RULES, {})
    rules[rule] = None


def take_put_off(work: Work) -> list[RuleNode]:
    """All rules that were put off, once, in the order of the plan."""
    if _RULES not in work.notes:
        return []
    return sorted(work.notes.pop(_RULES), key=lambda rule: rule.position)


def go_along(work: Work, node: Node) -> None:
    """The step is carried out with all others of its tree."""
    assert node.tree is not None, "who waits and is no rule goes along a tree"
    nodes: dict[Node, None] = work.notes.setdefault(node.tree, {})
    nodes[node] = None
    work.wake(node.tree)


def take_along(work: Work, tree: Node) -> list[Node]:
    """All that go along the tree, once, in the order of the plan."""
    return sorted(work.notes.pop(tree, ()), key=lambda node: node.position)
