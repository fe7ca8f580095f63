"""W1 by hand on psycopg: one statement is a whole transaction, and one trip to the server.

The Global, which everybody waits for, is updated last.
"""

from typing import Any
from uuid import UUID

import psycopg

from benchmarks import server
from benchmarks.baselines.aggregates import ITEMS_PRESENT, NEW_PRICE_CENTS, PRICE_CENTS
from benchmarks.baselines.connections import Connection, connections
from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.crew import AT_A_TIME, seconds
from benchmarks.workloads import BY_HAND_POSTGRES
from framework.model.identity import new_id

SPREAD = """
    changed AS (
        UPDATE "order" SET
            item_count = item_count + delta.items,
            item_total = item_total + delta.cents,
            item_average = (item_total + delta.cents)::float8 / nullif(item_count + delta.items, 0),
            done_count = done_count + delta.done,
            all_done = (done_count + delta.done = item_count + delta.items),
            any_done = (done_count + delta.done > 0)
        FROM delta WHERE id = delta.order_id RETURNING customer_id
    ),
    owner AS (
        UPDATE customer SET orders_total = orders_total + delta.cents
        FROM delta, changed WHERE id = changed.customer_id AND delta.cents <> 0 RETURNING id
    )
    UPDATE totals SET revenue = revenue + delta.cents FROM delta, owner WHERE totals.id = 1"""
CREATE = f"""
    WITH fact AS (INSERT INTO item (id, order_id, price_cents, done) VALUES ($1, $2, $3, false)),
    delta AS (SELECT $2::uuid AS order_id, 1 AS items, $3::bigint AS cents, 0 AS done),
    {SPREAD}"""
UPDATE = f"""
    WITH old AS (SELECT order_id, price_cents, done FROM item WHERE id = $1 FOR NO KEY UPDATE),
    fact AS (UPDATE item SET price_cents = $2, done = true FROM old WHERE id = $1),
    delta AS (SELECT order_id, 0 AS items, $2 - price_cents AS cents, 1 - done::int AS done FROM old),
    {SPREAD}"""
DELETE = f"""
    WITH fact AS (DELETE FROM item WHERE id = $1 RETURNING order_id, price_cents, done),
    delta AS (SELECT order_id, -1 AS items, -price_cents AS cents, -done::int AS done FROM fact),
    {SPREAD}"""


def single_items(size: int) -> OpsPerSecond:
    """W1, 16 at a time: each has an order and a customer of its own, and all add to the one row of totals."""
    with connections("w1.postgres.sql") as crew:
        crew[0].run("INSERT INTO totals (id) VALUES (1)")
        orders = [_order(connection) for connection in crew]
        elapsed = seconds(lambda number: _turn_over(crew[number], orders[number], size // AT_A_TIME))
        last = new_id()
        crew[0].run(CREATE, last, orders[0], PRICE_CENTS)
        crew[0].run(UPDATE, last, NEW_PRICE_CENTS)
        _expect(crew[0].raw, items=AT_A_TIME * ITEMS_PRESENT + 1)
    return 3 * size / elapsed


def _order(connection: Connection) -> UUID:
    """An order with items, of a new customer."""
    customer, order = new_id(), new_id()
    connection.run("INSERT INTO customer (id, name, order_count) VALUES ($1, 'Ada', 1)", customer)
    connection.run('INSERT INTO "order" (id, customer_id) VALUES ($1, $2)', order, customer)
    for _ in range(ITEMS_PRESENT):
        connection.run(CREATE, new_id(), order, PRICE_CENTS)
    return order


def _turn_over(connection: Connection, order: UUID, items: int) -> None:
    for _ in range(items):
        item = new_id()
        connection.run(CREATE, item, order, PRICE_CENTS)
        connection.run(UPDATE, item, NEW_PRICE_CENTS)
        connection.run(DELETE, item)


def _expect(connection: "psycopg.Connection[Any]", *, items: int) -> None:
    kept = connection.execute(
        "SELECT item_count, item_total, item_average, all_done, any_done, order_count, orders_total"
        ' FROM "order" JOIN customer ON customer.id = customer_id ORDER BY "order".id'
    ).fetchall()
    recomputed = connection.execute(
        "SELECT count(*), sum(price_cents)::bigint, avg(price_cents)::float8, bool_and(done), bool_or(done),"
        " 1, sum(price_cents)::bigint FROM item GROUP BY order_id ORDER BY order_id"
    ).fetchall()
    assert kept == recomputed, f"kept {kept}, recomputed {recomputed}"
    assert sum(row[0] for row in kept) == items, f"expected {items} items"
    revenue = connection.execute("SELECT revenue FROM totals").fetchone()
    assert revenue == (sum(row[1] for row in kept),), f"kept a revenue of {revenue}"


CONTESTANTS = (
    Contestant(
        workload="W1-postgres",
        name=BY_HAND_POSTGRES,
        run=single_items,
        size=1600,
        quick_size=160,
        prepare=server.prepare,
    ),
)
