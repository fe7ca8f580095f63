"""W1 and bulk by hand: eight aggregates kept by deltas, on plain `sqlite3`."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.baselines.database import database, transaction
from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.workloads import BY_HAND
from framework.model.identity import new_id

CUSTOMER, ORDER = new_id().hex, new_id().hex
ITEMS_PRESENT = 10
BATCH = 10_000
PRICE_CENTS, NEW_PRICE_CENTS = 1250, 1700

INSERT_ITEM = "INSERT INTO item (id, order_id, price_cents, done) VALUES (?, ?, ?, ?)"
SELECT_ITEM = "SELECT order_id, price_cents, done FROM item WHERE id = ?"
UPDATE_ITEM = "UPDATE item SET price_cents = ?, done = ? WHERE id = ?"
DELETE_ITEM = "DELETE FROM item WHERE id = ?"
UPDATE_ORDER = """
    UPDATE "order" SET
        item_count = item_count + :count,
        item_total = item_total + :total,
        item_average = CAST(item_total + :total AS REAL) / nullif(item_count + :count, 0),
        done_count = done_count + :done,
        all_done = (done_count + :done = item_count + :count),
        any_done = (done_count + :done > 0)
    WHERE id = :id RETURNING customer_id"""
UPDATE_CUSTOMER = "UPDATE customer SET orders_total = orders_total + ? WHERE id = ?"
UPDATE_TOTALS = "UPDATE totals SET revenue = revenue + ? WHERE id = 1"


def single_items(size: int) -> OpsPerSecond:
    """W1: `size` items created, updated and deleted, each step in a transaction of its own."""
    with _order_with_items(ITEMS_PRESENT) as connection:
        begun = perf_counter()
        for _ in range(size):
            item = new_id().hex
            _create(connection, item)
            _update(connection, item)
            _delete(connection, item)
        elapsed = perf_counter() - begun
        last = new_id().hex
        _create(connection, last)
        _update(connection, last)
        _expect(connection, items=ITEMS_PRESENT + 1)
    return 3 * size / elapsed


def bulk(size: int) -> OpsPerSecond:
    """`size` items in one transaction: one `executemany`, then every aggregate set once."""
    with _order_with_items(0) as connection:
        begun = perf_counter()
        with transaction(connection):
            connection.executemany(INSERT_ITEM, ((new_id().hex, ORDER, PRICE_CENTS, 1) for _ in range(size)))
            _spread(connection, ORDER, count=size, total=size * PRICE_CENTS, done=size)
        elapsed = perf_counter() - begun
        _expect(connection, items=size)
    return size / elapsed


def load_from_file(size: int) -> OpsPerSecond:
    """`size` items from a file of JSON lines, a transaction for each batch of them."""
    with _order_with_items(0) as connection, TemporaryDirectory(prefix="millrace-bench-") as folder:
        file = Path(folder) / "items.jsonl"
        row = json.dumps({"order_id": ORDER, "price_cents": PRICE_CENTS, "done": True})
        file.write_text(f"{row}\n" * size)
        begun = perf_counter()
        with file.open() as lines:
            while batch := [json.loads(line) for line in islice(lines, BATCH)]:
                total, done = sum(one["price_cents"] for one in batch), sum(one["done"] for one in batch)
                with transaction(connection):
                    rows = ((new_id().hex, one["order_id"], one["price_cents"], one["done"]) for one in batch)
                    connection.executemany(INSERT_ITEM, rows)
                    _spread(connection, ORDER, count=len(batch), total=total, done=done)
        elapsed = perf_counter() - begun
        _expect(connection, items=size)
    return size / elapsed


@contextmanager
def _order_with_items(items: int) -> Iterator[sqlite3.Connection]:
    with database("w1.sql", "NORMAL") as connection:
        with transaction(connection):
            connection.execute(
                "INSERT INTO customer (id, name, order_count) VALUES (?, 'Ada', 1)", (CUSTOMER,)
            )
            connection.execute('INSERT INTO "order" (id, customer_id) VALUES (?, ?)', (ORDER, CUSTOMER))
            connection.execute("INSERT INTO totals (id) VALUES (1)")
        for _ in range(items):
            _create(connection, new_id().hex)
        yield connection


def _create(connection: sqlite3.Connection, item: str) -> None:
    with transaction(connection):
        connection.execute(INSERT_ITEM, (item, ORDER, PRICE_CENTS, 0))
        _spread(connection, ORDER, count=1, total=PRICE_CENTS, done=0)


def _update(connection: sqlite3.Connection, item: str) -> None:
    with transaction(connection):
        order, price, done = connection.execute(SELECT_ITEM, (item,)).fetchone()
        connection.execute(UPDATE_ITEM, (NEW_PRICE_CENTS, 1, item))
        _spread(connection, order, count=0, total=NEW_PRICE_CENTS - price, done=1 - done)


def _delete(connection: sqlite3.Connection, item: str) -> None:
    with transaction(connection):
        order, price, done = connection.execute(SELECT_ITEM, (item,)).fetchone()
        connection.execute(DELETE_ITEM, (item,))
        _spread(connection, order, count=-1, total=-price, done=-done)


def _spread(connection: sqlite3.Connection, order: str, *, count: int, total: int, done: int) -> None:
    delta = {"id": order, "count": count, "total": total, "done": done}
    (customer,) = connection.execute(UPDATE_ORDER, delta).fetchone()
    if total:
        connection.execute(UPDATE_CUSTOMER, (total, customer))
        connection.execute(UPDATE_TOTALS, (total,))


def _expect(connection: sqlite3.Connection, *, items: int) -> None:
    kept = connection.execute(
        "SELECT item_count, item_total, item_average, all_done, any_done, order_count, orders_total, revenue"
        ' FROM "order" JOIN customer ON customer.id = customer_id, totals'
    ).fetchone()
    recomputed = connection.execute(
        "SELECT count(*), sum(price_cents), avg(price_cents), min(done), max(done), 1, sum(price_cents),"
        " sum(price_cents) FROM item"
    ).fetchone()
    assert kept == recomputed, f"kept {kept}, recomputed {recomputed}"
    assert kept[0] == items, f"counted {kept[0]} items, expected {items}"


CONTESTANTS = (
    Contestant(workload="W1", name=BY_HAND, run=single_items, size=3000, quick_size=300),
    Contestant(workload="bulk", name=BY_HAND, run=bulk, size=10_000, quick_size=1000),
    Contestant(workload="bulk-file", name=BY_HAND, run=load_from_file, size=100_000, quick_size=2000),
)
