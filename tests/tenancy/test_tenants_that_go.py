"""A tenant that is deleted goes with all that is its own, and nobody else notices."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlmodel import select

from framework import Entity, Field, current_tenant, tenant
from framework.app import App
from framework.cli.inspection import departed
from framework.clock import ManualClock
from framework.integration import ExternalId, Integration, Outcome
from framework.integration.turning import Timers
from framework.runtime.departure import CallsUnderWay
from framework.storage import belongings, database
from framework.storage.scoping import TENANT, scoped_tables
from framework.tenancy import UnknownTenant
from tests.engine.shop import (
    MODULE,
    Customer,
    Item,
    Order,
    OrderShut,
    ParcelSent,
    Totals,
    cashier,
)
from tests.tenancy.conftest import REQUIRED, TENANTS
from tests.tenancy.till import MODULE as TILL
from tests.tenancy.till import NOON, Charge, Placed, Till, open_till
from tests.tenancy.till import Order as Sale

ORDER = UUID(int=2)


@pytest.fixture
def shop(app: App) -> App:
    """Three tenants whose records have the same ids."""
    for n, name in enumerate(TENANTS, 1):
        with tenant(name):
            with app.transaction() as tx:
                tx.add(Customer(id=UUID(int=1), name=name))
                tx.add(Order(id=ORDER, customer_id=UUID(int=1), note=name, cents=n))
                for i in range(n):
                    tx.add(Item(id=UUID(int=10 + i), order_id=ORDER, price=n))
            app.dispatch(ParcelSent(weight=n), key="parcel")
            app.dispatch(OrderShut(order_id=ORDER))
    return app


def rows(app: App) -> dict[str, list[tuple[str, ...]]]:
    """All rows of all tenants by the name of the tenant, asked past both walls."""
    found: dict[str, list[tuple[str, ...]]] = {}
    url = make_url(app.url)
    if url.get_backend_name() == "sqlite":
        connection: Any = closing(sqlite3.connect(str(url.database)))
    else:
        connection = psycopg.connect(url.set(username="postgres").render_as_string(hide_password=False))
    with connection as raw:
        for table in scoped_tables(app.engine.database.tables.metadata):
            for whose, *row in raw.execute(f'SELECT "{TENANT}", "{table}".* FROM "{table}"').fetchall():
                found.setdefault(whose, []).append((table, *map(str, row)))
    return {whose: sorted(of) for whose, of in found.items()}


def test_all_that_is_its_own_goes_and_nothing_else(shop: App) -> None:
    before = rows(shop)
    removed = shop.delete_tenant("bolt", abandon_calls=True)
    assert {name: removed[name] for name in ("Customer", "Order", "Item", "Charge", "Parcel", "Totals")} == {
        "Customer": 1, "Order": 1, "Item": 2, "Charge": 1, "Parcel": 1, "Totals": 1,
    }  # fmt: skip
    del before["bolt"]
    assert rows(shop) == before
    assert shop.tenants() == ["acme", "cork"]
    for n, name in ((1, "acme"), (3, "cork")):
        with tenant(name):
            assert shop.get(Order, ORDER).total == n * n
            assert shop.verify() == []
    with tenant("bolt"), pytest.raises(UnknownTenant):
        shop.get(Totals)
    with pytest.raises(UnknownTenant):
        shop.delete_tenant("bolt")


def test_the_command_says_what_went(shop: App) -> None:
    said = departed(shop, "bolt", abandon_calls=True)
    assert said.startswith("bolt is gone, and with it 1 Charge, 1 Customer, 2 Item, ")


def test_it_stays_while_calls_of_it_are_not_over(shop: App) -> None:
    before = rows(shop)
    with pytest.raises(CallsUnderWay, match="1 calls or side effects of the tenant 'bolt' are not over"):
        shop.delete_tenant("bolt")
    assert rows(shop) == before
    with tenant("bolt"):
        assert shop.verify() == []


def test_one_of_the_same_name_begins_anew(shop: App) -> None:
    shop.delete_tenant("bolt", abandon_calls=True)
    shop.create_tenant("bolt")
    with tenant("bolt"):
        assert shop.query(select(Order)) == []
        assert shop.get(Totals).orders == 0
        with shop.transaction() as tx:
            order = tx.add(Order(id=ORDER))
        assert shop.get(Order, order.id).number == 1
        assert not shop.dispatch(ParcelSent(weight=9), key="parcel").replayed
        assert shop.verify() == []


def test_a_deletion_that_broke_off_goes_on(shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belongings, "BATCH", 1)
    engine = shop.engine
    write, left = engine.write, iter(range(8))

    def mortal(operation: Any, **options: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return write(operation, **options)

    before = rows(shop)
    monkeypatch.setattr(engine, "write", mortal)
    with pytest.raises(KeyboardInterrupt):
        shop.delete_tenant("bolt", abandon_calls=True)
    monkeypatch.setattr(engine, "write", write)
    assert 0 < len(rows(shop)["bolt"]) < len(before["bolt"])
    assert shop.tenants() == ["acme", "cork"]
    shop.delete_tenant("bolt")
    del before["bolt"]
    assert rows(shop) == before


def test_one_that_is_made_while_another_of_its_name_goes_loses_nothing(
    shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(belongings, "BATCH", 1)
    engine = shop.engine
    write, writes = engine.write, count(1)

    def interrupted(operation: Any, **options: Any) -> Any:
        if next(writes) == 8:
            monkeypatch.setattr(engine, "write", write)
            shop.create_tenant("bolt")
            monkeypatch.setattr(engine, "write", interrupted)
        return write(operation, **options)

    monkeypatch.setattr(engine, "write", interrupted)
    shop.delete_tenant("bolt", abandon_calls=True)
    monkeypatch.setattr(engine, "write", write)
    with tenant("bolt"):
        assert (shop.get(Totals).motto, shop.query(select(Order))) == ("more", [])
        assert shop.verify() == []


class Member(Entity, table=True):
    boss_id: UUID | None = Field(default=None, foreign_key="member.id", ondelete="RESTRICT")
    team_id: UUID | None = Field(default=None, foreign_key="team.id")


class Team(Entity, table=True):
    lead_id: UUID = Field(foreign_key="member.id")


def test_records_that_refer_to_each_other_in_a_circle_go(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(belongings, "BATCH", 2)
    app = App([[Member, Team]], [], database_url, REQUIRED)
    app.create()
    for name in ("acme", "bolt"):
        app.create_tenant(name)
        with tenant(name):
            with app.transaction() as tx:
                lead = tx.add(Member())
            with app.transaction() as tx:
                team = tx.add(Team(lead_id=lead.id))
            with app.transaction() as tx:
                tx.update(lead, team_id=team.id, boss_id=lead.id)
                for _ in range(5):
                    lead = tx.add(Member(boss_id=lead.id, team_id=team.id))
    before = rows(app)["bolt"]
    assert app.delete_tenant("acme") == {"Member": 6, "Team": 1}
    assert rows(app) == {"bolt": before}
    app.close()


def test_what_another_process_stored_meanwhile_is_not_there_for_the_next_of_this_name(
    plain_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, other = (App([MODULE], [cashier()], plain_url, settings=REQUIRED) for _ in range(2))
    app.create()
    app.create_tenant("acme")
    with tenant("acme"):
        assert other.get(Totals).orders == 0
        app.delete_tenant("acme")
        other.dispatch(ParcelSent(weight=1))  # it has not noticed yet
    assert app.delete_tenant("acme") == {"Parcel": 1, "ParcelSent": 1}
    with tenant("acme"):
        other.dispatch(ParcelSent(weight=1))
    app.create_tenant("acme")
    assert "1" not in {row[2] for row in rows(app)["acme"] if row[0].startswith("parcel")}
    app.delete_tenant("acme")
    monkeypatch.setattr(database, "KNOWN_FOR", 0.0)
    other.engine.database.forget_tenant("acme")
    with tenant("acme"), pytest.raises(UnknownTenant):
        other.dispatch(ParcelSent(weight=1))
    for one in (app, other):
        one.close()


@pytest.mark.anyio
async def test_a_worker_goes_on_for_the_others(database_url: str) -> None:
    clock, till = ManualClock(NOON), Till(polls=True)
    app = open_till(database_url, till, clock)
    async with app.working():
        for name in ("acme", "bolt"):
            with tenant(name):
                app.dispatch(Placed(id=ORDER, cents=5))
        await app.settle()
        with pytest.raises(CallsUnderWay):
            app.delete_tenant("bolt")
        app.delete_tenant("bolt", abandon_calls=True)
        clock.advance(timedelta(hours=2))
        await app.settle()
    assert till.polled == ["acme"]
    with tenant("acme"):
        assert (app.get(Sale, ORDER).state, app.get(Sale, ORDER).late) == ("paid", True)
        assert app.verify() == []
    app.close()


@pytest.mark.anyio
async def test_what_a_vendor_still_answers_is_nobodys(database_url: str) -> None:
    till: Integration[Any] = Integration("till")
    asked, answered = asyncio.Event(), asyncio.Event()

    @till.submit(Charge)
    async def submit(call: Any, http: Any) -> ExternalId:
        if current_tenant() == "bolt":
            asked.set()
            await answered.wait()
        return ExternalId("pi")

    @till.reconcile(Charge)
    async def happened(since: datetime, http: Any) -> list[Outcome]:
        return []

    app = App([TILL], [till], database_url, settings=REQUIRED)
    app.create()
    async with app.working():
        for name in ("bolt", "acme"):
            app.create_tenant(name)
            with tenant(name):
                app.dispatch(Placed(id=ORDER, cents=5))
        await asked.wait()
        app.delete_tenant("bolt", abandon_calls=True)
        answered.set()
        await app.settle()
    assert set(rows(app)) == {"acme"}
    with tenant("acme"):
        assert [one.external_id for one in app.query(select(Charge))] == ["pi"]
        assert app.verify() == []
    app.close()


def test_deadlines_of_the_others_turn(database_url: str) -> None:
    clock = ManualClock(NOON)
    app = open_till(database_url, Till(), clock)
    for name in ("acme", "bolt"):
        with tenant(name):
            app.dispatch(Placed(id=ORDER, cents=5))
    timers = Timers(app.engine)
    timers.run()
    app.delete_tenant("acme", abandon_calls=True)
    clock.advance(timedelta(hours=2))
    timers.run()
    assert timers.seconds() is None
    with tenant("bolt"):
        assert app.get(Sale, ORDER).late
    app.close()
