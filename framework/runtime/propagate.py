"""Propagation: everything that follows from a change, in order of height."""

from framework.errors import InvariantBroken
from framework.plan.shape import (
    AdditiveNode,
    CollectNode,
    CustomNode,
    DeadlineNode,
    ExtremeNode,
    FormulaNode,
    LookupNode,
    MachineNode,
    ProgressNode,
    RecencyNode,
    RuleNode,
    SequenceNode,
)
from framework.runtime.steps import (
    additive,
    collect,
    custom,
    deadline,
    formula,
    lookup,
    machine,
    progress,
    rule,
    selective,
    sequence,
)
from framework.runtime.work import Work


def propagate(work: Work) -> None:
    """Bring every affected property up to date.

    1. Take the due step of least height.
    2. Let it compute from the changes below it.
    3. Each value that changed makes the steps due that read it.
    """
    for node in work.due():
        match node:
            case AdditiveNode():
                additive.step(node, work)
            case RuleNode():
                rule.step(node, work)
            case MachineNode():
                machine.step(node, work)
            case ProgressNode():
                progress.step(node, work)
            case ExtremeNode():
                selective.extreme_step(node, work)
            case RecencyNode():
                selective.recency_step(node, work)
            case LookupNode():
                lookup.step(node, work)
            case FormulaNode():
                formula.step(node, work)
            case CollectNode():
                collect.step(node, work)
            case DeadlineNode():
                deadline.step(node, work)
            case SequenceNode():
                sequence.step(node, work)
            case CustomNode():
                custom.step(node, work)
            case _:
                raise InvariantBroken(problem=f"no step is known for {node!r}")
