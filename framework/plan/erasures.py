"""States that delete their record: the mistakes that can be seen without data."""

from collections.abc import Iterable

from framework.plan.mistakes import ImpossibleErasure
from framework.plan.node import MachineNode, Node, TriggerPlan
from framework.plan.shape import Kind


def check_erasures(nodes: Iterable[Node]) -> None:
    """Raises ImpossibleErasure for a state on whose entry no record could go."""
    for node in nodes:
        if isinstance(node, MachineNode) and node.machine.erases is not None:
            reason = _why_not(node)
            if reason is not None:
                raise ImpossibleErasure(
                    model=node.host.name,
                    property=node.property,
                    state=str(node.machine.erases),
                    reason=reason,
                )


def _why_not(node: MachineNode) -> str | None:
    host, machine, state = node.host, node.machine, node.machine.erases
    if host.kind is not Kind.ENTITY:
        return f"{host.name} is a record of the kind {str(host.kind)!r}, and those stay. Only entities go."
    if state not in machine.states or type(state) is not type(machine.initial):
        return f"it is no state of {type(machine.initial).__name__}. Use a member of that."
    if state == machine.initial:
        return "records start in it, so none would ever be there. Let another state be the initial one."
    for transition in machine.transitions:
        if transition.source == state:
            return (
                f"a transition leads on to {str(transition.target)!r}. Take it away: what is gone stays gone."
            )
    for maker in host.makers:
        if not maker.once:
            source = maker.source.name
            return f"the rule {maker.rule.name} keeps it equal to its {source}. Let that one go instead."
    for trigger in node.triggers:
        if any(one.target == state for one in trigger.transitions) and _stays(trigger):
            return (
                f"{trigger.source.name}.{trigger.route.key}, by which {trigger.label!r} leads to it, would "
                'refer to nothing. Declare `ondelete="CASCADE"` on that field, or `ondelete="SET NULL"`.'
            )
    return None


def _stays(trigger: TriggerPlan) -> bool:
    """Whether what the trigger waits for stays when the record goes to which it refers."""
    lets_go = {
        (referrer, key): ondelete in ("CASCADE", "SET NULL")
        for target in trigger.source.references.values()
        for referrer, key, ondelete in target.referrers
    }
    return trigger.source.kind in (Kind.EVENT, Kind.CALL) and not lets_go.get(
        (trigger.source, trigger.route.key or ""), True
    )
