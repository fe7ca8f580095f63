"""W2 by hand: a fact, its call, the claim, three integration events and the paid order.

The rows, the indexes, the transactions and the kind of ids are those of the framework.
"""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import perf_counter
from typing import NamedTuple

from benchmarks.baselines.database import database, transaction
from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.crew import AT_A_TIME
from benchmarks.workloads import BY_HAND
from framework.model.identity import new_id

LEASE, DEADLINE = timedelta(seconds=60), timedelta(hours=1)
RESULT = json.dumps({"url": "https://pay.example.org/receipts/1"})

INSERT_FACT = "INSERT INTO order_placed (id, at, email, total_cents) VALUES (?, ?, ?, ?)"
INSERT_ORDER = 'INSERT INTO "order" (id, email, total_cents, attempts, made_by) VALUES (?, ?, ?, 1, ?)'
INSERT_CALL = """
    INSERT INTO charge (id, order_id, request, created_at, due_at, deadline_at, made_by)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
CLAIM = """
    UPDATE charge SET leased_until = ?, due_at = ?, first_tried_at = ?, attempt = attempt + 1
    WHERE id IN (SELECT id FROM charge WHERE due_at <= ? ORDER BY due_at LIMIT ?)
    RETURNING id, order_id, request, attempt"""
INSERT_ATTEMPT = """
    INSERT INTO attempt (call_id, number, verb, idempotency_key, request_hash, worker, started_at, doubtful)
    VALUES (?, ?, 'call', ?, ?, 'worker', ?, 1)"""
FINISH_ATTEMPT = """
    UPDATE attempt SET finished_at = ?, doubtful = 0 WHERE call_id = ? AND number = ?
    AND EXISTS (SELECT 1 FROM charge WHERE id = ? AND attempt = ? AND leased_until IS NOT NULL)"""
EVENT = "(?, ?, 'vendor', 'Charge', ?, ?, ?, ?, 'applied', 'submit', ?, ?)"
INSERT_EVENTS = f"""
    INSERT INTO integration_event (
        id, at, integration, call_type, kind, external_id, entity_id, call_id, standing, source,
        dedupe_key, result
    ) VALUES {EVENT}, {EVENT}, {EVENT}"""
COMPLETE = """
    UPDATE charge SET
        status = 'completed', external_id = ?, result = ?, completed_at = ?, has_receipt = 1,
        due_at = NULL, leased_until = NULL
    WHERE id = ?"""
PAY = """UPDATE "order" SET status = 'paid', receipt_url = ? WHERE id = ? AND status = 'placed'"""
INSERT_TRANSITION = """
    INSERT INTO transition (machine, record_id, "trigger", cause_id, source, target, at)
    VALUES ('Order.status', ?, 'Charge completed', ?, 'placed', 'paid', ?)"""

COUNTS = {
    "SELECT count(*) FROM order_placed": 1,
    "SELECT count(*) FROM \"order\" WHERE status = 'paid' AND receipt_url IS NOT NULL": 1,
    "SELECT count(*) FROM charge WHERE status = 'completed' AND completed_at IS NOT NULL": 1,
    "SELECT count(*) FROM attempt WHERE finished_at IS NOT NULL": 1,
    "SELECT count(*) FROM integration_event": 3,
    "SELECT count(*) FROM transition": 1,
}
"""How many rows each query counts of one chain."""


class Claimed(NamedTuple):
    """A call that is ours for a while."""

    id: str
    order: str
    request: str
    number: int


def one_at_a_time(size: int) -> OpsPerSecond:
    """W2: three transactions a chain: fact, claim with its attempt, the three events."""
    with database("w2.sql", "NORMAL") as connection:
        begun = perf_counter()
        for _ in range(size):
            with transaction(connection):
                _place(connection)
            with transaction(connection):
                (call,) = _claim(connection, 1)
            with transaction(connection):
                _record(connection, call)
        elapsed = perf_counter() - begun
        _expect(connection, chains=size)
    return size / elapsed


def sixteen_at_a_time(size: int) -> OpsPerSecond:
    """W2 with group commit: one transaction takes in facts, the next commits outcomes and claims.

    Every member of a group has a savepoint, so that one that fails leaves the others alone.
    """
    with database("w2.sql", "FULL") as connection:
        begun = perf_counter()
        finished, under_way = 0, list[Claimed]()
        while finished < size:
            with transaction(connection):
                for _ in range(min(AT_A_TIME, size - finished - len(under_way))):
                    connection.execute("SAVEPOINT member")
                    _place(connection)
                    connection.execute("RELEASE member")
            with transaction(connection):
                for call in under_way:
                    connection.execute("SAVEPOINT member")
                    _record(connection, call)
                    connection.execute("RELEASE member")
                finished += len(under_way)
                under_way = _claim(connection, AT_A_TIME)
        elapsed = perf_counter() - begun
        _expect(connection, chains=size)
    return size / elapsed


def _place(connection: sqlite3.Connection) -> None:
    order, now = new_id().hex, datetime.now(UTC)
    at = now.isoformat()
    request = json.dumps({"amount_cents": 1250, "currency": "eur", "receipt_email": "ada@example.org"})
    connection.execute(INSERT_FACT, (order, at, "ada@example.org", 1250))
    connection.execute(INSERT_ORDER, (order, "ada@example.org", 1250, f"orders.order:{order}:0"))
    deadline, made_by = (now + DEADLINE).isoformat(), f"orders.charge:{order}:0"
    connection.execute(INSERT_CALL, (new_id().hex, order, request, at, at, deadline, made_by))


def _claim(connection: sqlite3.Connection, limit: int) -> list[Claimed]:
    now = datetime.now(UTC)
    at, until = now.isoformat(), (now + LEASE).isoformat()
    found = connection.execute(CLAIM, (until, until, at, at, limit)).fetchall()
    claimed = [Claimed(*row) for row in found]
    for call in claimed:
        digest = sha256(call.request.encode()).hexdigest()
        connection.execute(INSERT_ATTEMPT, (call.id, call.number, f"vendor:{call.id}:0", digest, at))
    return claimed


def _record(connection: sqlite3.Connection, call: Claimed) -> None:
    at, external_id = datetime.now(UTC).isoformat(), f"pi_{call.id}"
    connection.execute(FINISH_ATTEMPT, (at, call.id, call.number, call.id, call.number))
    events: list[str | None] = []
    for kind, entity, result in (
        ("initialized", call.id, None),
        ("processing", None, None),
        ("completed", None, RESULT),
    ):
        events += (new_id().hex, at, kind, external_id, entity, call.id, f"{external_id}:{kind}", result)
    connection.execute(INSERT_EVENTS, events)
    connection.execute(COMPLETE, (external_id, RESULT, at, call.id))
    connection.execute(PAY, (json.loads(RESULT)["url"], call.order))
    connection.execute(INSERT_TRANSITION, (call.order, call.id, at))


def _expect(connection: sqlite3.Connection, *, chains: int) -> None:
    expected = {query: rows * chains for query, rows in COUNTS.items()}
    found = {query: connection.execute(query).fetchone()[0] for query in expected}
    assert found == expected, f"found {found}"


CONTESTANTS = (
    Contestant(workload="W2", name=BY_HAND, run=one_at_a_time, size=3000, quick_size=300),
    Contestant(workload="W2-full", name=BY_HAND, run=sixteen_at_a_time, size=4000, quick_size=480),
)
