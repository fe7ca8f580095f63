"""Functions of the row itself."""

from collections.abc import Iterator

from framework.plan.node import FormulaNode
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.work import Work


def step(node: FormulaNode, work: Work) -> None:
    """Compute the property of every touched record anew; what did not change goes no further."""
    for change in work.changes(node.host):
        if change.after_row is not None:
            work.set(change, node.property, node.computation.of(change.after))


def expected(node: FormulaNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    for row, record in list(facts.views(node.host)):
        yield node.host, row["id"], node.property, node.computation.of(record)
