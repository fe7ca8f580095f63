"""W1 and bulk on Millrace."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import UUID

from rich.console import Console

from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.ours.shop import Customer, Item, Order, Totals
from benchmarks.workloads import OURS
from framework.app import App, Settings, opened
from framework.cli.loading import load

ITEMS_PRESENT, ITEMS_GROWN = 10, 10_000
BATCH = 10_000
PRICE_CENTS, NEW_PRICE_CENTS = 1250, 1700


def single_items(size: int) -> OpsPerSecond:
    """W1: `size` items created, updated and deleted, each step in a transaction of its own."""
    return _single_items(size, present=ITEMS_PRESENT)


def single_items_grown(size: int) -> OpsPerSecond:
    """W1 under an order that has many items already."""
    return _single_items(size, present=ITEMS_GROWN)


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
        for _ in range(size):
            with app.transaction() as tx:
                item = tx.add(Item(order_id=order, price_cents=PRICE_CENTS))
            with app.transaction() as tx:
                tx.update(item, price_cents=NEW_PRICE_CENTS, done=True)
            with app.transaction() as tx:
                tx.delete(item)
        elapsed = perf_counter() - begun
        _expect(app, order, items=present)
    return 3 * size / elapsed


@contextmanager
def _order_with_items(items: int) -> Iterator[tuple[App, UUID]]:
    with TemporaryDirectory(prefix="millrace-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        app = App([[Item, Order, Customer, Totals]], database=url, settings=Settings(synchronous="NORMAL"))
        with opened(app):
            with app.transaction() as tx:
                customer = tx.add(Customer(name="Ada"))
                order = tx.add(Order(customer_id=customer.id))
                for _ in range(items):
                    tx.add(Item(order_id=order.id, price_cents=PRICE_CENTS))
            yield app, order.id


def _expect(app: App, order: UUID, *, items: int) -> None:
    assert app.verify() == [], "the aggregates are what the items say"
    assert app.get(Order, order).item_count == items, f"expected {items} items"


CONTESTANTS = (
    Contestant(workload="W1", name=OURS, run=single_items, size=3000, quick_size=300),
    Contestant(workload="W1-grown", name=f"{OURS}, 10 items", run=single_items, size=3000, quick_size=300),
    Contestant(
        workload="W1-grown", name=f"{OURS}, 10,000 items", run=single_items_grown, size=3000, quick_size=300
    ),
    Contestant(workload="bulk", name=OURS, run=bulk, size=10_000, quick_size=1000),
    Contestant(workload="bulk", name=f"{OURS}, records", run=bulk_of_records, size=10_000, quick_size=1000),
    Contestant(workload="bulk-file", name=OURS, run=load_from_file, size=100_000, quick_size=2000),
)
