"""W2 by hand on psycopg: each of the three transactions is one statement, and one trip to the server."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from benchmarks import server
from benchmarks.baselines.chains import COUNTS, DEADLINE, LEASE, RESULT
from benchmarks.baselines.connections import Connection, connections
from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.crew import AT_A_TIME, seconds
from benchmarks.workloads import BY_HAND_POSTGRES
from framework.model.identity import new_id

PLACE = """
    WITH fact AS (INSERT INTO order_placed (id, at, email, total_cents) VALUES ($1, $2, $3, $4)),
    ordered AS (
        INSERT INTO "order" (id, email, total_cents, attempts, made_by) VALUES ($1, $3, $4, 1, $5)
    )
    INSERT INTO charge (id, order_id, request, created_at, due_at, deadline_at, made_by)
    VALUES ($6, $1, $7, $2, $2, $8, $9)"""
CLAIM = """
    WITH due AS (
        SELECT id FROM charge WHERE due_at <= $1 ORDER BY due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ),
    claimed AS (
        UPDATE charge SET
            leased_until = $2, due_at = $2, first_tried_at = coalesce(first_tried_at, $1),
            attempt = attempt + 1
        FROM due WHERE charge.id = due.id
        RETURNING charge.id, order_id, attempt, request::text AS request
    ),
    tried AS (
        INSERT INTO attempt (
            call_id, number, verb, idempotency_key, request_hash, worker, started_at, doubtful
        )
        SELECT id, attempt, 'call', 'vendor:' || id || ':0',
            encode(sha256(convert_to(request, 'UTF8')), 'hex'), 'worker', $1, true
        FROM claimed
    )
    SELECT id, order_id, attempt, request FROM claimed"""
RECORD = """
    WITH ours AS (
        UPDATE attempt SET finished_at = $1, doubtful = false WHERE call_id = $2 AND number = $3
        AND EXISTS (
            SELECT 1 FROM charge WHERE id = $2 AND attempt = $3 AND leased_until IS NOT NULL
            FOR NO KEY UPDATE
        )
        RETURNING call_id
    ),
    happened AS (
        INSERT INTO integration_event (
            id, at, integration, call_type, kind, external_id, entity_id, call_id, standing, source,
            dedupe_key, result
        )
        SELECT event.id, $1, 'vendor', 'Charge', kind, $4, entity_id, $2, 'applied', 'submit',
            $4 || ':' || kind, result
        FROM ours, (VALUES
            ($5::uuid, 'initialized', $2::uuid, NULL::json),
            ($6, 'processing', NULL, NULL),
            ($7, 'completed', NULL, $8)
        ) AS event (id, kind, entity_id, result)
    ),
    completed AS (
        UPDATE charge SET
            status = 'completed', external_id = $4, result = $8, completed_at = $1, has_receipt = true,
            due_at = NULL, leased_until = NULL
        FROM ours WHERE id = $2 RETURNING order_id
    ),
    paid AS (
        UPDATE "order" SET status = 'paid', receipt_url = $9
        FROM completed WHERE id = order_id AND status = 'placed' RETURNING id
    )
    INSERT INTO transition (machine, record_id, "trigger", cause_id, source, target, at)
    SELECT 'Order.status', id, 'Charge completed', $2, 'placed', 'paid', $1 FROM paid"""


def sixteen_at_once(size: int) -> OpsPerSecond:
    """W2, 16 at a time: each places an order, claims a call, and records its outcome."""
    with connections("w2.postgres.sql") as crew:
        elapsed = seconds(lambda number: _run_each(crew[number], size // AT_A_TIME))
        found = {query: crew[0].run(query).fetchone() for query in COUNTS}
        expected = {query: (rows * size,) for query, rows in COUNTS.items()}
        assert found == expected, f"found {found}"
    return size / elapsed


def _run_each(connection: Connection, size: int) -> None:
    for _ in range(size):
        _place(connection)
        while (call := _claim(connection)) is None:
            pass  # others have just claimed what was there; what they placed is not seen yet
        _record(connection, call[0], call[2])


def _place(connection: Connection) -> None:
    order, now = new_id(), datetime.now(UTC)
    request = json.dumps({"amount_cents": 1250, "currency": "eur", "receipt_email": "ada@example.org"})
    made = f"orders.order:{order.hex}:0", f"orders.charge:{order.hex}:0"
    values = order, now, "ada@example.org", 1250, made[0], new_id(), request, now + DEADLINE, made[1]
    connection.run(PLACE, *values)


def _claim(connection: Connection) -> Any:
    now = datetime.now(UTC)
    return connection.run(CLAIM, now, now + LEASE).fetchone()


def _record(connection: Connection, call: UUID, number: int) -> None:
    events = new_id(), new_id(), new_id()
    url = json.loads(RESULT)["url"]
    connection.run(RECORD, datetime.now(UTC), call, number, f"pi_{call}", *events, RESULT, url)


CONTESTANTS = (
    Contestant(
        workload="W2-postgres",
        name=BY_HAND_POSTGRES,
        run=sixteen_at_once,
        size=1600,
        quick_size=160,
        prepare=server.prepare,
    ),
)
