"""Functions of the row itself."""

from collections.abc import Iterator

from framework.plan.node import FormulaNode
from framework.plan.view import view_of
from framework.runtime.parameters import bound_to, has_changed
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.sweep import claimed, untouched
from framework.runtime.work import Work


def step(node: FormulaNode, work: Work) -> None:
    """Compute the property of every touched record anew; what did not change goes no further.

    If a parameter changed, that of every record: a batch is read by one statement, and of it those are
    touched whose value is another one.
    """
    of = bound_to(work, node.computation, node.given).of
    for change in work.changes(node.host):
        if change.after_row is not None:
            work.set(change, node.property, of(change.after))
    if has_changed(work, node.given):
        for rows in untouched(work, node.host):
            stale = [row for row in rows if of(view_of(node.host.view, row)) != row[node.property]]
            for change in claimed(work, node.host, stale):
                work.set(change, node.property, of(change.after))


def expected(node: FormulaNode, facts: Recomputation) -> Iterator[Expectation]:
    """What the facts say."""
    of = facts.bound(node.computation, node.given).of
    for row, record in list(facts.views(node.host)):
        yield node.host, row["id"], node.property, of(record)
