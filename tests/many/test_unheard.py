"""A claim whose commit nobody heard of is given back by who made it: nothing was sent or is in doubt."""

from typing import Any

import anyio
import psycopg
import pytest

from framework.app import App, opened
from framework.integration.logbook import Logbook
from framework.integration.outbox import Outbox
from framework.model.apicall import CallStatus
from framework.runtime.transaction import Transaction
from tests.integration.desk_of_orders import MODULE, Vendor, at_once, charges, place

pytestmark = pytest.mark.anyio

SOON = 5.0
"""Far less than a lease."""


async def test_what_was_claimed_without_hearing_of_it_is_sent_at_once_and_once(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, lost = Logbook.claim, list[int]()

    def unheard(self: Logbook, transaction: Transaction, outbox: Outbox, limit: int) -> Any:
        if not lost:
            raw: Any = transaction.work.connection.raw  # type: ignore[attr-defined]  # PostgreSQL's
            wait = raw.wait

            def broken(answers: Any) -> None:
                raw.wait = wait
                wait(answers)
                lost.append(limit)
                raise psycopg.OperationalError("server closed the connection unexpectedly")

            raw.wait = broken
        return claim(self, transaction, outbox, limit)

    monkeypatch.setattr(Logbook, "claim", unheard)
    vendor = Vendor()
    with opened(App([MODULE], [at_once(vendor, on_doubt="fail")], postgres_url)) as app:
        for customer in ("ada", "bob"):
            place(app, customer)
        async with app.working():
            with anyio.fail_after(SOON):
                await app.settle()
        assert len(lost) == 1
        assert sorted(vendor.customers) == ["ada", "bob"]
        for call in charges(app):
            assert call.status is CallStatus.COMPLETED
            assert [(one.code, one.doubtful) for one in app.attempts(call.id)] == [
                ("unheard", False),
                (None, False),
            ]
        assert app.verify() == []
