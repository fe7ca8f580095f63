"""Numbers of a sequence that are taken for use outside, a range at once."""

from collections.abc import Mapping
from typing import Any

from framework.plan.node import SequenceNode
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.runtime.errors import CannotReserve
from framework.runtime.steps import sequence
from framework.runtime.work import Work


def reserve(
    plan: Plan, work: Work, shape: Shape, property: str, count: int, scope: Mapping[str, Any]
) -> range:
    """The next numbers of the scope; raises CannotReserve, or InvalidRecord for facts that are not valid."""

    def refused(reason: str) -> CannotReserve:
        return CannotReserve(count=count, model=shape.name, property=property, reason=reason)

    node = next((one for one in plan.nodes if (shape, property) in one.writes), None)
    if not isinstance(node, SequenceNode):
        raise refused("it is no Sequence. Name a property that is declared as `computed(Sequence(...))`.")
    per = node.computation.per
    if set(scope) != set(per):
        named = ", ".join(f"{name}=..." for name in per)
        reason = f"its scope is made of {named}. Give that." if per else "it has no scope. Give none."
        raise refused(reason)
    return sequence.reserve(node, work, work.doors[shape].some(scope), count)
