"""W1 and bulk on Millrace."""

import atexit
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import UUID

from rich.console import Console
from sqlmodel import func, select

from benchmarks import server
from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.crew import AT_A_TIME, seconds
from benchmarks.ours.fresh import on_postgres, on_sqlite
from benchmarks.ours.shop import MODULES, Customer, Item, Order, Totals
from benchmarks.workloads import OURS
from framework.app import App
from framework.cli.loading import load

ITEMS_PRESENT, ITEMS_GROWN = 10, 10_000
BATCH, BATCHES = 10_000, 100  # a million
PRICE_CENTS, NEW_PRICE_CENTS = 1250, 1700


def single_items(size: int) -> OpsPerSecond:
    """W1: `size` items created, updated and deleted, each step in a transaction of its own."""
    return _single_items(size, present=ITEMS_PRESENT)


def single_items_grown(size: int) -> OpsPerSecond:
    """W1 under an order that has many items already."""
    return _single_items(size, present=ITEMS_GROWN)


def single_items_at_once(size: int) -> OpsPerSecond:
    """W1, 16 at a time: each has an order and a customer of its own, and all add to the one Global."""
    with on_postgres(MODULES) as app:
        orders = [_order(app, ITEMS_PRESENT) for _ in range(AT_A_TIME)]
        elapsed = seconds(lambda number: _turn_over(app, orders[number], size // AT_A_TIME))
        for order in orders:
            _expect(app, order, items=ITEMS_PRESENT)
    return 3 * size / elapsed


def single_items_among_a_million(size: int) -> OpsPerSecond:
    """W1 with a million other items in the table, of other orders."""
    app, order = _million()
    begun = perf_counter()
    _turn_over(app, order, size)
    elapsed = perf_counter() - begun
    kept = app.get(Order, order).item_count, app.get(Totals).revenue
    assert kept == (ITEMS_PRESENT, (BATCH * BATCHES + ITEMS_PRESENT) * PRICE_CENTS), f"kept {kept}"
    assert app.query(select(func.count()).select_from(Item)) == [BATCH * BATCHES + ITEMS_PRESENT]
    return 3 * size / elapsed


def bulk(size: int) -> OpsPerSecond:
    """`size` items in one transaction, given by their facts."""
    with _order_with_items(0) as (app, order):
        begun = perf_counter()
        with app.transaction() as tx:
            tx.load(
                Item, ({"order_id": order, "price_cents": PRICE_CENTS, "done": True} for _ in range(size))
            )
        elapsed = perf_counter() - begun
        _expect(app, order, items=size)
    return size / elapsed


def bulk_of_records(size: int) -> OpsPerSecond:
    """`size` items in one transaction, given as records."""
    with _order_with_items(0) as (app, order):
        begun = perf_counter()
        with app.transaction() as tx:
            tx.add_all(Item(order_id=order, price_cents=PRICE_CENTS, done=True) for _ in range(size))
        elapsed = perf_counter() - begun
        _expect(app, order, items=size)
    return size / elapsed


def load_from_file(size: int) -> OpsPerSecond:
    """`size` items from a file of JSON lines, in batches, as `millrace load` does with a progress bar."""
    with _order_with_items(0) as (app, order), TemporaryDirectory(prefix="millrace-bench-") as folder:
        file = Path(folder) / "items.jsonl"
        row = json.dumps({"order_id": order.hex, "price_cents": PRICE_CENTS, "done": True})
        file.write_text(f"{row}\n" * size)
        begun = perf_counter()
        load(app, "Item", file, batch=BATCH, skip=0, console=Console(file=StringIO()))
        elapsed = perf_counter() - begun
        _expect(app, order, items=size)
    return size / elapsed


def _single_items(size: int, *, present: int) -> OpsPerSecond:
    with _order_with_items(present) as (app, order):
        begun = perf_counter()
        _turn_over(app, order, size)
        elapsed = perf_counter() - begun
        _expect(app, order, items=present)
    return 3 * size / elapsed


def _turn_over(app: App, order: UUID, items: int) -> None:
    for _ in range(items):
        with app.transaction() as tx:
            item = tx.add(Item(order_id=order, price_cents=PRICE_CENTS))
        with app.transaction() as tx:
            tx.update(item, price_cents=NEW_PRICE_CENTS, done=True)
        with app.transaction() as tx:
            tx.delete(item)


@contextmanager
def _order_with_items(items: int) -> Iterator[tuple[App, UUID]]:
    with on_sqlite(MODULES, synchronous="NORMAL") as app:
        yield app, _order(app, items)


def _order(app: App, items: int) -> UUID:
    """An order with items, of a new customer."""
    with app.transaction() as tx:
        customer = tx.add(Customer(name="Ada"))
        order = tx.add(Order(customer_id=customer.id))
        for _ in range(items):
            tx.add(Item(order_id=order.id, price_cents=PRICE_CENTS))
    return order.id


@cache
def _million() -> tuple[App, UUID]:
    """A database with a million items beside those of an order, made once a session."""
    open_until_the_end = ExitStack()
    atexit.register(open_until_the_end.close)
    app, order = open_until_the_end.enter_context(_order_with_items(ITEMS_PRESENT))
    for _ in range(BATCHES):
        other = _order(app, 0)
        with app.transaction() as tx:
            row = {"order_id": other, "price_cents": PRICE_CENTS, "done": True}
            tx.load(Item, (row for _ in range(BATCH)))
    return app, order


def _prepare_million() -> None:
    _million()


def _expect(app: App, order: UUID, *, items: int) -> None:
    assert app.verify() == [], "the aggregates are what the items say"
    assert app.get(Order, order).item_count == items, f"expected {items} items"


CONTESTANTS = (
    Contestant(workload="W1", name=OURS, run=single_items, size=3000, quick_size=300),
    Contestant(workload="W1-grown", name=f"{OURS}, 10 items", run=single_items, size=3000, quick_size=300),
    Contestant(
        workload="W1-grown", name=f"{OURS}, 10,000 items", run=single_items_grown, size=3000, quick_size=300
    ),
    Contestant(workload="W1-million", name=f"{OURS}, empty", run=single_items, size=3000, quick_size=300),
    Contestant(
        workload="W1-million",
        name=f"{OURS}, 1,000,000 items",
        run=single_items_among_a_million,
        size=3000,
        quick_size=300,
        prepare=_prepare_million,
    ),
    Contestant(
        workload="W1-postgres",
        name=OURS,
        run=single_items_at_once,
        size=1600,
        quick_size=160,
        prepare=server.prepare,
    ),
    Contestant(workload="bulk", name=OURS, run=bulk, size=10_000, quick_size=1000),
    Contestant(workload="bulk", name=f"{OURS}, records", run=bulk_of_records, size=10_000, quick_size=1000),
    Contestant(workload="bulk-file", name=OURS, run=load_from_file, size=100_000, quick_size=2000),
)
