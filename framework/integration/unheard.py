"""Unheard claims: the connection broke in the commit, and the worker does not know what it has.

What it has it did not send. So it is given back, and nothing about it is in doubt.
"""

from collections.abc import Collection
from uuid import UUID

from framework.integration.attempts import Attempts
from framework.integration.outbox import Outbox
from framework.runtime.transaction import Transaction


def give_back(
    attempts: Attempts, worker: str, outbox: Outbox, under_way: Collection[UUID], transaction: Transaction
) -> None:
    """Give back what this worker has of an outbox, but for what is under way there."""
    connection, now = transaction.work.connection, transaction.now
    for id, number in outbox.leases.of(connection, now, worker):
        if id not in under_way:
            error = "nothing was sent: nobody heard whether the claim was committed"
            attempts.finish(connection, id, number, now, error=error, code="unheard")
            outbox.release(connection, id, number, _due_at=now)
