"""What a call costs, in statements and not in seconds; and that no statement looks through a table."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from framework.app import App
from framework.integration.attempts import Attempts
from framework.integration.effects import EffectBook
from framework.integration.outbox import Outbox
from framework.integration.question import Question
from framework.integration.reconciliation import Cursors
from framework.storage.statement import Statement
from tests.integration.desk_of_orders import (
    NOON,
    OrderStatus,
    Vendor,
    accepted,
    at_once,
    open_shop,
    place,
    status,
    submitted,
    tell,
)

pytestmark = pytest.mark.anyio

BUDGET = 18


@contextmanager
def statements_of(app: App) -> Iterator[list[str]]:
    """All SQL that the writer runs within the block, row by row, BEGIN and COMMIT included."""
    heard: list[str] = []
    app.engine.database.writer.raw.set_trace_callback(heard.append)
    try:
        yield heard
    finally:
        app.engine.database.writer.raw.set_trace_callback(None)


async def test_a_whole_chain_stays_within_its_budget() -> None:
    app = open_shop(at_once(Vendor()))
    async with app.working():
        place(app)
        await app.settle()
        with statements_of(app) as heard:
            order = place(app)
            await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert len(heard) <= BUDGET, "\n".join(heard)


async def test_a_hundred_thousand_calls_cost_a_chain_nothing() -> None:
    app = open_shop(at_once(Vendor()))
    columns = "id, order_id, customer, created_at, status, external_id, request, _attempt, _burned, _polls, "
    columns += "_generation, _dead, _due_at, _deadline_at, _first_tried_at"
    async with app.working():
        first = place(app)
        await app.settle()
        with statements_of(app) as before:
            place(app)
            await app.settle()
        many = f"""
            INSERT INTO charge ({columns})
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100000)
            SELECT printf('%032x', n), '{first.hex}', 'c', '2026-01-01T00:00:00.000000+00:00', 'processing',
                   'old_' || n, '{{"amount_cents": 1}}', 1, 0, 0, 0, 0,
                   '2027-01-01T00:00:00.000000+00:00', '2027-01-01T00:00:00.000000+00:00',
                   '2026-01-01T00:00:00.000000+00:00'
            FROM number"""
        app.engine.database.writer.run(many)
        with statements_of(app) as after:
            order = place(app)
            await app.settle()
    assert status(app, order) is OrderStatus.PAID
    assert len(after) == len(before)


async def test_a_submitted_call_and_its_webhook_stay_within_a_budget_too() -> None:
    app = open_shop(submitted(Vendor(accepted)))
    async with app.working():
        with statements_of(app) as heard:
            order = place(app)
            await app.settle()
            tell(app, "succeeded", "ch_1250", event="evt_1")
    assert status(app, order) is OrderStatus.PAID
    assert len(heard) <= BUDGET + 8, "\n".join(heard)


@pytest.mark.parametrize("keyed", [False, True], ids=["without a key", "with a key"])
def test_no_statement_of_the_worker_looks_through_a_table(keyed: bool) -> None:
    ordering = {"ordering_key": lambda call: call.customer} if keyed else {}
    app = open_shop(at_once(Vendor(), **ordering))
    database = app.engine.database
    (desk,) = app.desks.values()
    outbox = Outbox(desk, database)
    attempts, book, cursors = Attempts(database), EffectBook(database, []), Cursors(database)
    kept = [outbox._claim, outbox._prolong, outbox.leases._voiding, outbox._next_due, outbox._count_due]
    kept += [outbox._dead, outbox._count_dead, outbox._release(("_due_at", "_burned", "_polls"))]
    kept += [book._due, book._next, book._deletion, book._change, cursors._selection]
    texts = [statement.sql for statement in kept if isinstance(statement, (Question, Statement))]
    texts += [attempts._end[0], attempts._guarded_end(desk.shape)[0], attempts._interruption]
    texts += [attempts._resolution, attempts._first_hash, attempts._selection]
    assert len(texts) == 19
    for sql in texts:
        plan = database.writer.rows(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))
        steps = [step[3] for step in plan]
        assert not [step for step in steps if step.startswith("SCAN")], f"{sql}\n{steps}"


async def test_a_claim_is_one_statement_however_many_are_due() -> None:
    app = open_shop(at_once(Vendor(), concurrency=50))
    for number in range(50):
        place(app, str(number))
    (desk,) = app.desks.values()
    outbox = Outbox(desk, app.engine.database)
    with statements_of(app) as heard:
        claimed = outbox.claim(app.engine.database.writer, 50, NOON + timedelta(seconds=1), "worker")
    assert (len(claimed), len(heard)) == (50, 1)
    assert [one.row["customer"] for one in claimed] == [str(number) for number in range(50)], "oldest first"
