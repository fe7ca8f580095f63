"""The timer: which deadlines are due, and turning them."""

from datetime import datetime
from functools import partial

from framework.plan.node import DeadlineNode
from framework.runtime.engine import Engine
from framework.runtime.transaction import Transaction

BATCH = 500
"""Records that are turned in one transaction."""


def next_turn(engine: Engine) -> datetime | None:
    """The first moment at which a deadline turns, or None."""
    moments = []
    with engine.database.reading() as connection:
        for node in _deadlines(engine):
            statements = engine.database.statements[node.host]
            found = connection.row(statements.first_offer(None, node.turns_at, descending=False))
            if found is not None:
                moments.append(statements.codec.decode_one(node.turns_at, found[0]))
    return min(moments, default=None)


def turn_due(engine: Engine) -> int:
    """Turn all deadlines that are due, a batch in each transaction; returns how many records were touched."""
    turned = 0
    for node in _deadlines(engine):
        while True:
            batch = engine.write(partial(_turn, node=node))
            turned += batch
            if batch < BATCH:
                break
    return turned


def _turn(transaction: Transaction, node: DeadlineNode) -> int:
    work = transaction.work
    statements = work.statements[node.host]
    due = statements.codec.encode_one(node.turns_at, work.now)
    rows = work.connection.rows(statements.due(node.turns_at, BATCH), [due])
    for values in rows:
        work.adopt(node.host, values)
    if rows:
        work.wake(node)  # the records have not changed, but their time has come
    return len(rows)


def _deadlines(engine: Engine) -> list[DeadlineNode]:
    return [node for node in engine.plan.nodes if isinstance(node, DeadlineNode)]
