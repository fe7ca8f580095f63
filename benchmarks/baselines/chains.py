"""W2 by hand: a fact, its call, the claim, three integration events and the paid order."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import perf_counter
from uuid import uuid4

from benchmarks.baselines.database import database, transaction
from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.workloads import BY_HAND

AT_A_TIME = 16
LEASE = timedelta(seconds=30)
RESULT = json.dumps({"url": "https://pay.example.org/receipts/1"})

INSERT_FACT = "INSERT INTO order_placed (id, at, email, total_cents) VALUES (?, ?, ?, ?)"
INSERT_ORDER = 'INSERT INTO "order" (id, email, total_cents, attempts) VALUES (?, ?, ?, 1)'
INSERT_CALL = "INSERT INTO charge (id, order_id, request, created_at, due_at) VALUES (?, ?, ?, ?, ?)"
CLAIM = """
    UPDATE charge SET lease_owner = ?, lease_until = ?, due_at = NULL, attempt = attempt + 1
    WHERE id IN (SELECT id FROM charge WHERE due_at <= ? ORDER BY due_at LIMIT ?)
    RETURNING id, request, attempt"""
INSERT_ATTEMPT = """
    INSERT INTO attempt (id, call_id, number, idempotency_key, request_hash, started_at)
    VALUES (?, ?, ?, ?, ?, ?)"""
INSERT_EVENT = """
    INSERT INTO integration_event (id, at, kind, entity_id, external_id, payload) VALUES (?, ?, ?, ?, ?, ?)"""
INITIALIZE = "UPDATE charge SET external_id = ? WHERE id = ?"
PROCESS = "UPDATE charge SET status = 'processing' WHERE external_id = ? AND status = 'pending'"
COMPLETE = """
    UPDATE charge SET
        status = 'completed', result = ?, completed_at = ?, lease_owner = NULL, lease_until = NULL
    WHERE external_id = ? AND status = 'processing' RETURNING order_id"""
PAY = """UPDATE "order" SET status = 'paid', receipt_url = ? WHERE id = ? AND status = 'placed'"""
INSERT_TRANSITION = """
    INSERT INTO transition (record_id, property, source, target, event_id, at)
    VALUES (?, 'status', 'placed', 'paid', ?, ?)"""

CallId = str


def one_at_a_time(size: int) -> OpsPerSecond:
    """W2: five transactions a chain (fact, claim, and one per integration event)."""
    with database("w2.sql", "NORMAL") as connection:
        begun = perf_counter()
        for _ in range(size):
            with transaction(connection):
                _place(connection)
            with transaction(connection):
                (call,) = _claim(connection, 1)
            with transaction(connection):
                _initialize(connection, call)
            with transaction(connection):
                _process(connection, call)
            with transaction(connection):
                _complete(connection, call)
        elapsed = perf_counter() - begun
        _expect(connection, chains=size)
    return size / elapsed


def sixteen_at_a_time(size: int) -> OpsPerSecond:
    """W2 with group commit: one transaction takes in facts, the next commits outcomes and claims.

    Every member of a group has a savepoint, so that one that fails leaves the others alone.
    """
    with database("w2.sql", "FULL") as connection:
        begun = perf_counter()
        finished, under_way = 0, list[CallId]()
        while finished < size:
            with transaction(connection):
                for _ in range(min(AT_A_TIME, size - finished - len(under_way))):
                    connection.execute("SAVEPOINT member")
                    _place(connection)
                    connection.execute("RELEASE member")
            with transaction(connection):
                for call in under_way:
                    connection.execute("SAVEPOINT member")
                    _initialize(connection, call)
                    _process(connection, call)
                    _complete(connection, call)
                    connection.execute("RELEASE member")
                finished += len(under_way)
                under_way = _claim(connection, AT_A_TIME)
        elapsed = perf_counter() - begun
        _expect(connection, chains=size)
    return size / elapsed


def _place(connection: sqlite3.Connection) -> None:
    order, at = uuid4().hex, _now()
    request = json.dumps({"amount_cents": 1250, "currency": "eur", "receipt_email": "ada@example.org"})
    connection.execute(INSERT_FACT, (order, at, "ada@example.org", 1250))
    connection.execute(INSERT_ORDER, (order, "ada@example.org", 1250))
    connection.execute(INSERT_CALL, (uuid4().hex, order, request, at, at))


def _claim(connection: sqlite3.Connection, limit: int) -> list[CallId]:
    at = _now()
    until = (datetime.now(UTC) + LEASE).isoformat()
    claimed = connection.execute(CLAIM, ("worker", until, at, limit)).fetchall()
    for call, request, number in claimed:
        digest = sha256(request.encode()).hexdigest()
        connection.execute(INSERT_ATTEMPT, (uuid4().hex, call, number, f"millrace-{call}", digest, at))
    return [call for call, _, _ in claimed]


def _initialize(connection: sqlite3.Connection, call: CallId) -> None:
    connection.execute(INSERT_EVENT, (uuid4().hex, _now(), "initialized", call, _external_id(call), None))
    connection.execute(INITIALIZE, (_external_id(call), call))


def _process(connection: sqlite3.Connection, call: CallId) -> None:
    connection.execute(INSERT_EVENT, (uuid4().hex, _now(), "processing", None, _external_id(call), None))
    connection.execute(PROCESS, (_external_id(call),))


def _complete(connection: sqlite3.Connection, call: CallId) -> None:
    event, at = uuid4().hex, _now()
    connection.execute(INSERT_EVENT, (event, at, "completed", None, _external_id(call), RESULT))
    (order,) = connection.execute(COMPLETE, (RESULT, at, _external_id(call))).fetchone()
    connection.execute(PAY, (json.loads(RESULT)["url"], order))
    connection.execute(INSERT_TRANSITION, (order, event, at))


def _external_id(call: CallId) -> str:
    return f"pi_{call}"


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _expect(connection: sqlite3.Connection, *, chains: int) -> None:
    expected = {
        "SELECT count(*) FROM order_placed": chains,
        "SELECT count(*) FROM \"order\" WHERE status = 'paid' AND receipt_url IS NOT NULL": chains,
        "SELECT count(*) FROM charge WHERE status = 'completed' AND completed_at IS NOT NULL": chains,
        "SELECT count(*) FROM attempt": chains,
        "SELECT count(*) FROM integration_event": 3 * chains,
        "SELECT count(*) FROM transition": chains,
    }
    found = {query: connection.execute(query).fetchone()[0] for query in expected}
    assert found == expected, f"found {found}"


CONTESTANTS = (
    Contestant(workload="W2", name=BY_HAND, run=one_at_a_time, size=3000, quick_size=300),
    Contestant(workload="W2-full", name=BY_HAND, run=sixteen_at_a_time, size=4000, quick_size=480),
)
