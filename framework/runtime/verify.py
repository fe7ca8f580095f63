"""The oracle: everything recomputed from the facts, compared with what is stored."""

from typing import Any

from framework.plan.node import TreeNode
from framework.plan.shape import Shape
from framework.runtime import activities
from framework.runtime.engine import Engine
from framework.runtime.recomputation import Difference, Recomputation
from framework.runtime.steps.table import expected
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work


def verify(engine: Engine) -> list[Difference]:
    """All differences, in order of height; none after any sequence of transactions.

    Reads records a page at a time; keeps what differs.
    """
    return engine.write(lambda transaction: _differences(transaction, engine), snapshot=True)


def rebuild(engine: Engine) -> list[Difference]:
    """Write what the facts say wherever something else is stored; returns what was mended.

    Records that a rule should have made, or should not have, are reported and left to the operator.
    """

    climbs = any(isinstance(node, TreeNode) for node in engine.plan.nodes)

    def operation(transaction: Transaction) -> list[Difference]:
        found = mend(transaction)
        again = found if climbs else []
        while again:  # what was mended at one level of a tree is wrong at the next
            transaction.work.flush()
            known = set(map(str, found))
            again = [one for one in mend(transaction) if str(one) not in known]
            found += again
        return found

    def mend(transaction: Transaction) -> list[Difference]:
        found = _differences(transaction, engine)
        for difference in found:
            if any(one.name == difference.property for one in engine.plan.shape(difference.model).activities):
                activities.mend(transaction.work.connection, engine.database, difference)
                continue
            change = transaction.work.find(engine.plan.shape(difference.model), difference.id)
            if change is not None and difference.property in change.shape.model.__computed__.keys() | _hidden(
                change.shape
            ):
                _mend(transaction.work, change, difference)
        return found

    return engine.write(operation, snapshot=True)


def _differences(transaction: Transaction, engine: Engine) -> list[Difference]:
    facts = Recomputation(transaction.work, engine.plan)
    return [*facts.differences(expected), *activities.differences(facts)]


def _hidden(shape: Shape) -> set[str]:
    return {hidden.name for hidden in shape.hidden}


def _mend(work: Work, change: Any, difference: Difference) -> None:
    if difference.property in change.shape.generated:
        return  # the database derives it from the states, which are reported too
    change.after_row[difference.property] = difference.expected
    change.dirty[difference.property] = None
    work.untold.changed[change] = None


__all__ = ["Difference", "rebuild", "verify"]
