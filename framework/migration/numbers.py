"""Numbers of a new sequence for records that have none."""

from framework.migration.quiet import QuietWork
from framework.plan.node import SequenceNode
from framework.runtime.reach import Slice
from framework.runtime.recomputation import Recomputation
from framework.runtime.steps.sequence import scope_of


def give(node: SequenceNode, work: QuietWork, facts: Recomputation, part: Slice) -> None:
    """Give each record of a part that has no number the next of its scope, in the order of ids."""
    rows = [row for row in facts.read(node.host, part.own) if row[node.property] is None]
    for row in sorted(rows, key=lambda row: row["id"].int):
        scope = scope_of(node, row)
        parameters = [node.name, scope, node.computation.start, node.computation.step]
        (number,) = work.connection.row(work.database.bookkeeping.next_number, parameters)
        change = work.hold_row(node.host, row)
        work.set(change, node.scope, scope)
        work.set(change, node.property, number)
