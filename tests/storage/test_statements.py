"""No statement of the engine scans a table, and a chain costs as few statements as it should."""

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Average, Count, Entity, Every, Field, Global, Relationship, Some, Sum, computed
from framework.app import App, opened
from framework.clock import ManualClock
from framework.errors import DispatchError
from framework.integration import Completed, ExternalId, Failed
from framework.integration.ingest import Source, ingest
from framework.testing import emit
from tests.engine.shop import (
    MODULE,
    Charge,
    Customer,
    Item,
    Order,
    OrderReopened,
    OrderShut,
    Paper,
    Parcel,
    ParcelSent,
    Totals,
    cashier,
)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A shop on a file, so that what is read here is not read on the engine's own connection."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    with opened(App([MODULE], [cashier()], f"sqlite:///{tmp_path}/shop.db", clock=clock)) as app:
        yield app


def a_long_day(app: App) -> None:
    """All that can happen in the shop, once or more."""
    (desk,) = app.desks.values()
    with app.transaction() as tx:
        customers = [tx.add(Customer(name=name, limit=n)) for n, name in enumerate("abc")]
        orders = [tx.add(Order(customer_id=one.id, cents=n, note="x")) for n, one in enumerate(customers)]
        items = [
            tx.add(Item(order_id=orders[n % 3].id, price=n, name=str(n), paid=bool(n % 2))) for n in range(12)
        ]
    for _ in range(2):
        app.dispatch(OrderShut(order_id=orders[0].id), key="shut")
    app.dispatch(OrderReopened(order_id=orders[0].id))
    app.dispatch(ParcelSent(weight=3), actor="ada")
    with app.transaction() as tx:
        tx.update(items[0], price=99, order_id=orders[1].id)
        tx.update(items[11], name=None)
        tx.update(customers[0], name="z")
        tx.update(orders[1], customer_id=customers[2].id, note="y")
        tx.update(Totals, motto="less")
    for one in items[3:9]:
        with app.transaction() as tx:
            tx.delete(one)
    calls = app.query(select(Charge))
    for outcome in (
        Completed(Paper(url="u"), external_id=ExternalId("e1")),
        Failed("no", external_id=ExternalId("e2")),
    ):
        app.engine.write(lambda tx, said=outcome: ingest(tx, desk, Source.WEBHOOK, said))
    for call, external_id in zip(calls, ("e1", "e2"), strict=True):
        app.engine.write(
            lambda tx, id=external_id, call=call: ingest(
                tx, desk, Source.SUBMIT, ExternalId(id), call_id=call.id
            )
        )
    emit(app, calls[0], "failed")
    with app.transaction() as tx:
        tx.delete(orders[2])
        tx.delete(customers[0])
    with pytest.raises(DispatchError), app.transaction() as tx:
        tx.add(Item(order_id=UUID(int=1)))
    app.get(Order, orders[0].id)
    (parcel,) = app.query(select(Parcel))
    app.engine.write_each([lambda tx: tx.delete(Parcel, parcel.id)])


def plans(connection: sqlite3.Connection, statements: set[str]) -> dict[str, list[str]]:
    """How SQLite would carry out each statement."""
    return {
        statement: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in statements
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))
    }


def scans(found: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [
        (step, statement)
        for statement, steps in found.items()
        for step in steps
        if re.match(r"SCAN (?!\d+ CONSTANT|CONSTANT)", step) or "TEMP B-TREE" in step
    ]


def test_no_statement_scans_or_sorts_a_table(app: App) -> None:
    statements: set[str] = set()
    raw = app.engine.database.writer.raw
    raw.set_trace_callback(statements.add)
    a_long_day(app)
    raw.set_trace_callback(None)
    found = plans(raw, statements)
    assert len(found) > 100
    assert scans(found) == []
    assert app.verify() == []


def test_a_scan_would_be_seen(app: App) -> None:
    raw = app.engine.database.writer.raw
    assert scans(plans(raw, {"SELECT * FROM item WHERE name = 'x'"})) != []
    assert scans(plans(raw, {"SELECT * FROM item ORDER BY name"})) != []


def test_every_foreign_key_is_indexed(app: App) -> None:
    for shape, table in app.engine.database.tables.of.items():
        for field in shape.references:
            leading = [next(iter(index.columns)).name for index in table.indexes]
            assert field in leading, f"{shape.name}.{field}"


class Thing(Entity, table=True):
    basket_id: UUID = Field(foreign_key="basket.id", ondelete="CASCADE")
    price: int


class Basket(Entity, table=True):
    buyer_id: UUID = Field(foreign_key="buyer.id")
    things: list[Thing] = Relationship()
    count: int = computed(Count(things))
    total: int = computed(Sum(things, lambda thing: thing.price))
    mean: float | None = computed(Average(things, lambda thing: thing.price))
    dear: bool = computed(Every(things, lambda thing: thing.price > 10))
    cheap: bool = computed(Some(things, lambda thing: thing.price < 5))


class Buyer(Entity, table=True):
    baskets: list[Basket] = Relationship()
    count: int = computed(Count(baskets))
    total: int = computed(Sum(baskets, lambda basket: basket.total))


class Turnover(Global, table=True):
    revenue: int = computed(Sum(Thing, lambda thing: thing.price))


def statements_of(app: App, use: Any) -> list[str]:
    statements: list[str] = []
    app.engine.database.writer.raw.set_trace_callback(statements.append)
    use()
    app.engine.database.writer.raw.set_trace_callback(None)
    return statements


def test_a_created_item_costs_six_statements_at_most() -> None:
    with opened(App([[Thing, Basket, Buyer, Turnover]])) as app:
        with app.transaction() as tx:
            buyer = tx.add(Buyer())
            basket = tx.add(Basket(buyer_id=buyer.id))

        def create() -> None:
            with app.transaction() as tx:
                tx.add(Thing(basket_id=basket.id, price=7))

        for _ in range(3):
            assert [one.split()[0] for one in statements_of(app, create)] == [
                "BEGIN",
                "UPDATE",
                "INSERT",
                "UPDATE",
                "UPDATE",
                "COMMIT",
            ]
        assert app.get(Buyer, buyer.id).total == app.get(Turnover).revenue == 21
        assert app.verify() == []


def test_calls_present_do_not_make_the_next_one_dearer(app: App) -> None:
    def chain() -> None:
        with app.transaction() as tx:
            order = tx.add(Order(cents=5))
        (call,) = app.query(select(Charge).where(Charge.order_id == order.id))
        emit(app, call, "processing")
        emit(app, call, "completed", result=Paper(url="u"))

    chain()
    second = len(statements_of(app, chain))
    for _ in range(50):
        chain()
    assert len(statements_of(app, chain)) == second
    assert scans(plans(app.engine.database.writer.raw, set(statements_of(app, chain)))) == []


def test_time_is_no_reason_to_look_at_everything(app: App) -> None:
    a_long_day(app)
    clock = app.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(days=400))
    statements = statements_of(app, app.tick)
    assert scans(plans(app.engine.database.writer.raw, set(statements))) == []
