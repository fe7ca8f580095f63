"""Which step belongs to which node: how it is carried out, and how it is recomputed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from framework.plan.node import (
    AdditiveNode,
    CollectNode,
    CustomNode,
    DeadlineNode,
    ExtremeNode,
    FormulaNode,
    GroupedNode,
    LookupNode,
    MachineNode,
    Node,
    ProgressNode,
    RecencyNode,
    RuleNode,
    SequenceNode,
    TreeNode,
)
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps import (
    additive,
    climbing,
    collect,
    custom,
    deadline,
    formula,
    grouped,
    lookup,
    machine,
    progress,
    rule,
    selection,
    selective,
    sequence,
)
from framework.runtime.work import Work


class Step(NamedTuple):
    """How a node is carried out incrementally, and how it is recomputed."""

    carry_out: Callable[[Any, Work], None]
    expected: Callable[[Any, Recomputation], Iterator[Expectation]]


def _along(tree: TreeNode, work: Work) -> None:
    climbing.step(tree, work, lambda node, level: STEPS[type(node)].carry_out(node, level))


STEPS: Mapping[type[Node], Step] = {
    AdditiveNode: Step(additive.step, additive.expected),
    CollectNode: Step(collect.step, selection.expected),
    CustomNode: Step(custom.step, custom.expected),
    DeadlineNode: Step(deadline.step, deadline.expected),
    ExtremeNode: Step(selective.extreme_step, selection.expected),
    FormulaNode: Step(formula.step, formula.expected),
    GroupedNode: Step(grouped.step, grouped.expected),
    LookupNode: Step(lookup.step, lookup.expected),
    MachineNode: Step(machine.step, machine.expected),
    ProgressNode: Step(progress.step, progress.expected),
    RecencyNode: Step(selective.recency_step, selection.expected),
    RuleNode: Step(rule.step, rule.expected),
    SequenceNode: Step(sequence.step, sequence.expected),
    TreeNode: Step(_along, climbing.expected),
}


def expected(node: Node, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say that the node should have made of them."""
    return STEPS[type(node)].expected(node, facts)
