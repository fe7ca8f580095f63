"""What a tenant does is done to its own records; what nobody does, to none."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Table, exists, func, literal_column, text
from sqlalchemy.orm import aliased, selectinload
from sqlmodel import select

from framework import tenant
from framework.app import App
from framework.integration.ingest import Source, ingest
from framework.integration.outcomes import Completed, ExternalId
from framework.runtime.errors import (
    AlreadyExists,
    ConflictingKey,
    MissingReference,
    NoSuchRecord,
    NotASelect,
    StatementInText,
    UnknownTableRead,
)
from framework.tenancy import AnotherTenant, NoTenant, UnknownTenant
from tests.engine.shop import (
    MODULE,
    Charge,
    Customer,
    Item,
    Order,
    OrderShut,
    Paper,
    ParcelSent,
    Progress,
    Totals,
    cashier,
)
from tests.tenancy.conftest import REQUIRED

ID = UUID(int=7)


def in_acme_and_bolt(app: App) -> None:
    """The same ids with two tenants, and other values."""
    for name, price in (("acme", 5), ("bolt", 70)):
        with tenant(name), app.transaction() as tx:
            tx.add(Customer(id=ID, name=name))
            tx.add(Order(id=ID, customer_id=ID, note=name, cents=price))
            tx.add(Item(id=ID, order_id=ID, price=price, name=name))


def test_one_id_may_be_with_two_tenants(app: App) -> None:
    in_acme_and_bolt(app)
    for name, price in (("acme", 5), ("bolt", 70)):
        with tenant(name):
            order = app.get(Order, ID)
            assert (order.note, order.total, order.customer_name, order.number) == (name, price, name, 1)
            assert app.get(Totals).revenue == price
            assert app.verify() == []
    with tenant("cork"):
        assert (app.get(Totals).revenue, app.get(Totals).orders) == (0, 0)
        with pytest.raises(NoSuchRecord):
            app.get(Order, ID)


SELECTS: list[Any] = [
    select(Item.name),
    select(Item.name).join(Order, Item.order_id == Order.id),  # type: ignore[arg-type]
    select(Order.note).where(exists().where(Item.order_id == Order.id)),  # type: ignore[arg-type]
    select(Order.note).where(Order.id.in_(select(Item.order_id))),  # type: ignore[attr-defined]
    select(Order.note).where(Order.items.any(Item.price > 0)),  # type: ignore[attr-defined, operator]
    select(aliased(Order).note),
    select(Customer.name).outerjoin(Order, Order.customer_id == Customer.id),  # type: ignore[arg-type]
    select(select(Order.note).subquery().c.note),
    select(select(Order.note).cte("these").c.note),
    select(select(Item.name).limit(1).scalar_subquery()),
    select(select(Item.name).union_all(select(Order.note)).subquery().c.name).distinct(),
]


def test_every_select_sees_the_tenants_part(app: App) -> None:
    in_acme_and_bolt(app)
    for statement in SELECTS:
        for name in ("acme", "bolt"):
            with tenant(name):
                assert app.query(statement) == [name], str(statement)
        with tenant("cork"):
            assert app.query(statement) in ([], [None]), str(statement)


def test_counts_and_relations_are_the_tenants_own(app: App) -> None:
    in_acme_and_bolt(app)
    with tenant("bolt"):
        assert app.query(select(func.count()).select_from(Item)) == [1]
        assert app.query(select(func.sum(Item.price))) == [70]
        (order,) = app.query(select(Order).options(selectinload(Order.items)))  # type: ignore[arg-type]
        assert [item.price for item in order.items] == [70]
        left = select(Customer.name, Order.note).outerjoin(Order, Order.note == "acme")  # type: ignore[arg-type]
        assert [tuple(row) for row in app.query(left)] == [("bolt", None)]


TEXTS: list[Any] = [
    text('SELECT note FROM "order"'),
    select(text("note")).select_from(Order),
    select(literal_column('(SELECT note FROM "order")')),
    select(Order.note).where(text("1 = 1")),
]


def test_sql_as_text_is_refused(app: App) -> None:
    for statement in TEXTS:
        with tenant("cork"), pytest.raises((NotASelect, StatementInText)):
            app.query(statement)


def test_tables_that_are_no_records_are_refused(app: App) -> None:
    attempts: Table = app.engine.database.tables.attempts
    with tenant("acme"), pytest.raises(UnknownTableRead, match="millrace_attempt"):
        app.query(select(attempts))


def test_writes_reach_the_tenants_own_records(app: App) -> None:
    in_acme_and_bolt(app)
    with tenant("bolt"), app.transaction() as tx:
        tx.update(Item, ID, price=7)
        tx.update(Totals, motto="less")
    with tenant("acme"):
        assert (app.get(Item, ID).price, app.get(Totals).motto) == (5, "more")
        app.dispatch(OrderShut(order_id=ID))
        assert app.get(Order, ID).progress is Progress.SHUT
    with tenant("bolt"), app.transaction() as tx:
        tx.delete(Customer, ID)
    with tenant("bolt"):
        assert app.get(Order, ID).customer_id is None
        assert app.get(Order, ID).progress is Progress.OPEN
        assert app.verify() == []
    with tenant("acme"):
        assert app.get(Order, ID).customer_id == ID
        assert app.verify() == []


def test_a_reference_to_a_record_of_another_tenant_is_refused(app: App) -> None:
    with tenant("acme"), app.transaction() as tx:
        tx.add(Customer(id=ID, name="ada"))
        tx.add(Order(id=ID))
    with tenant("bolt"):
        with pytest.raises(
            MissingReference, match=r"Item\.order_id refers to Order .*7, which does not exist"
        ):
            with app.transaction() as tx:
                tx.add(Item(order_id=ID))
        with pytest.raises(MissingReference, match=r"OrderShut\.order_id"):
            app.dispatch(OrderShut(order_id=ID))
        with pytest.raises(MissingReference, match=r"Order\.customer_id"), app.transaction() as tx:
            tx.add(Order())
            tx.add(Order(customer_id=ID))
        with app.transaction() as tx:
            mine = tx.add(Order())
        with pytest.raises(MissingReference, match=r"Order\.customer_id"), app.transaction() as tx:
            tx.update(Order, mine.id, customer_id=ID)
        assert app.query(select(Item)) == []


def test_what_is_taken_is_taken_by_the_tenants_own_records(app: App) -> None:
    in_acme_and_bolt(app)
    with tenant("acme"), pytest.raises(AlreadyExists, match=r"Customer.*id"), app.transaction() as tx:
        tx.add(Customer(name="eve"))
        tx.add(Customer(id=ID, name="ada"))


def test_keys_of_dispatches_are_the_tenants_own(app: App) -> None:
    with tenant("acme"):
        first = app.dispatch(ParcelSent(weight=1), key="k")
    with tenant("bolt"):
        second = app.dispatch(ParcelSent(weight=2), key="k")
        assert not second.replayed
        with pytest.raises(ConflictingKey):
            app.dispatch(ParcelSent(weight=1), key="k")
    with tenant("acme"):
        assert app.dispatch(ParcelSent(weight=1), key="k").event.id == first.event.id


def test_numbers_are_the_tenants_own(app: App) -> None:
    for name in ("acme", "bolt"):
        with tenant(name):
            for number in (1, 2):
                with app.transaction() as tx:
                    order = tx.add(Order())
                assert app.get(Order, order.id).number == number


def test_external_ids_are_the_tenants_own(app: App) -> None:
    in_acme_and_bolt(app)
    desk = app.desks[app.plan.shape(Charge)]
    with tenant("acme"):
        (call,) = app.query(select(Charge))
        app.engine.write(lambda tx: ingest(tx, desk, Source.SUBMIT, ExternalId("pi_1"), call_id=call.id))
    with tenant("bolt"):
        done = Completed(Paper(url="b"), external_id=ExternalId("pi_1"))
        app.engine.write(lambda tx: ingest(tx, desk, Source.WEBHOOK, done))  # an orphan: it is nobody's here
        assert app.query(select(Charge.status)) == ["pending"]
    with tenant("acme"):
        assert app.query(select(Charge.status)) == ["processing"]
        assert app.get(Order, ID).receipt is None
        assert app.verify() == []


REACHES: list[Callable[[App], object]] = [
    lambda app: app.get(Order, ID),
    lambda app: app.query(select(Order)),
    lambda app: app.dispatch(ParcelSent(weight=1)),
    lambda app: app.transaction().__enter__(),
    lambda app: app.verify(),
    lambda app: app.rebuild(),
    lambda app: app.explain(Totals, "revenue"),
    lambda app: app.attempts(ID),
    lambda app: app.dead_calls(),
    lambda app: app.replay(ID),
]


def test_an_access_without_a_tenant_is_refused_and_logged(app: App, caplog: pytest.LogCaptureFixture) -> None:
    for reach in REACHES:
        caplog.clear()
        with pytest.raises(NoTenant, match=r'with tenant\("acme"\)'):
            reach(app)
        assert "an access without a tenant was refused" in caplog.text


def test_an_access_by_a_tenant_that_is_not_there_is_refused(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    for reach in REACHES:
        caplog.clear()
        with tenant("acne"), pytest.raises(UnknownTenant, match="acne"):
            reach(app)
        assert "an access by an unknown tenant was refused" in caplog.text


def test_a_transaction_stays_with_its_tenant(app: App) -> None:
    with tenant("acme"), app.transaction() as tx:
        tx.add(Customer(name="ada"))
        with tenant("bolt"):
            with pytest.raises(AnotherTenant, match="'acme', but 'bolt' is entered"):
                tx.add(Customer(name="bob"))
            assert app.query(select(Customer)) == []
        tx.add(Customer(name="cid"))
    with tenant("acme"):
        assert len(app.query(select(Customer))) == 2
    with tenant("bolt"):
        assert app.query(select(Customer)) == []


def test_a_tenant_that_another_app_made_is_known(plain_url: str) -> None:
    first, second = (App([MODULE], [cashier()], plain_url, settings=REQUIRED) for _ in range(2))
    first.create()
    second.create()
    with tenant("acme"), pytest.raises(UnknownTenant):
        first.get(Totals)
    second.create_tenant("acme")
    with tenant("acme"):
        assert first.get(Totals).orders == 0
    first.close()
    second.close()
