"""Rules whose records come in the next wave: they move the machines of whose states they are made."""

from framework.plan.node import RuleNode
from framework.runtime.work import Work

_PUT_OFF = object()


def put_off(work: Work, rule: RuleNode) -> None:
    """The rule is applied when all else has followed."""
    rules: dict[RuleNode, None] = work.notes.setdefault(_PUT_OFF, {})
    rules[rule] = None


def take_put_off(work: Work) -> list[RuleNode]:
    """All that were put off, once, in the order of the plan."""
    if _PUT_OFF not in work.notes:
        return []
    return sorted(work.notes.pop(_PUT_OFF), key=lambda rule: rule.position)
