"""The timer: which deadlines are due, and turning them."""

from datetime import datetime
from functools import partial
from operator import itemgetter

from framework.plan.deadlines import Clocks
from framework.plan.node import DeadlineNode
from framework.runtime.engine import Engine
from framework.runtime.steps.deadline import turn
from framework.runtime.transaction import Transaction
from framework.storage.database import Connection

BATCH = 500
"""Records that are turned in one transaction."""


def next_turn(engine: Engine) -> datetime | None:
    """The first moment at which a deadline turns, or None."""
    with engine.database.reading() as connection:
        moments = [_first(engine, connection, node) for clocks in engine.plan.deadlines for node in clocks]
    return min((moment for moment in moments if moment is not None), default=None)


def turn_due(engine: Engine) -> int:
    """Turn all deadlines that are due; returns how many records were touched.

    A batch in each transaction; of deadlines whose order matters, only what comes before another one turns.
    """
    return sum(_turn_together(engine, clocks) for clocks in engine.plan.deadlines)


def _turn_together(engine: Engine, clocks: Clocks) -> int:
    turned = 0
    while True:
        with engine.database.reading() as connection:
            found = [(_first(engine, connection, node), node) for node in clocks]
        now = engine.clock.now()
        due = sorted(((at, node) for at, node in found if at is not None and at <= now), key=itemgetter(0))
        if not due:
            return turned
        (_, node), *others = due
        turned += engine.write(partial(_turn, node=node, until=others[0][0] if others else None))


def _first(engine: Engine, connection: Connection, node: DeadlineNode) -> datetime | None:
    """The first moment at which the deadline turns, for any record."""
    statements = engine.database.statements[node.host]
    found = connection.row(statements.first_offer(None, node.turns_at, descending=False))
    return None if found is None else statements.codec.decode_one(node.turns_at, found[0])


def _turn(transaction: Transaction, node: DeadlineNode, until: datetime | None) -> int:
    """Turn those whose time has come, until a moment, oldest first."""
    work = transaction.work
    statements = work.statements[node.host]
    moment = work.now if until is None else min(until, work.now)
    due = statements.codec.encode_one(node.turns_at, moment)
    rows = work.connection.rows(statements.due(node.turns_at, BATCH), [due])
    for values in rows:
        turn(node, work, work.adopt(node.host, values))
    return len(rows)
