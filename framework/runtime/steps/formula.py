"""Functions of the row itself."""

from framework.plan.shape import FormulaNode
from framework.runtime.work import Work


def step(node: FormulaNode, work: Work) -> None:
    """Compute the property of every touched record anew; what did not change goes no further."""
    for change in work.changes(node.host):
        if change.after_row is not None:
            work.set(change, node.property, node.computation.of(change.after))
