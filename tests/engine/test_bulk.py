"""Many records at once: what `add` and `dispatch` do with each, at a fraction of the cost."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlmodel import select

from framework import Admission, Count, Entity, Event, Global, Refused, computed, condition, derive, guard
from framework.app import App, opened
from framework.clock import ManualClock
from framework.model.apicall import IntegrationEvent
from framework.model.record import ComputedPropertyWritten
from framework.runtime.errors import (
    AlreadyExists,
    CallsAreDerived,
    GlobalIsFixed,
    ImmutableRecord,
    IngestOnly,
    InvalidRecord,
    MissingReference,
    TransactionFailed,
)
from tests.engine.conftest import Watch
from tests.engine.shop import Charge, Customer, Item, Order, OrderShut, Parcel, ParcelSent, Progress, Totals


def three_orders(app: App) -> list[Order]:
    with app.transaction() as tx:
        customer = tx.add(Customer(name="ada"))
        return [tx.add(Order(customer_id=customer.id, cents=cents)) for cents in (0, 1, 2)]


@pytest.mark.parametrize("how", ["add_all", "load"])
def test_what_follows_from_many_is_what_follows_from_each(app: App, how: str) -> None:
    orders = three_orders(app)
    rows = [{"order_id": orders[n % 3].id, "name": f"item {n}", "price": n} for n in range(600)]
    with app.transaction() as tx:
        if how == "load":
            assert tx.load(Item, rows) == 600
        else:
            tx.add_all(Item(**row) for row in rows)
    kept = [app.get(Order, order.id) for order in orders]
    assert [order.count for order in kept] == [200, 200, 200]
    assert [order.total for order in kept] == [sum(range(n, 600, 3)) for n in range(3)]
    assert [order.cheapest for order in kept] == [0, 1, 2]
    assert {order.progress for order in kept} == {Progress.OPEN}
    assert app.get(Totals).revenue == sum(range(600))
    assert app.verify() == []


def test_many_of_several_classes_refer_to_each_other(app: App) -> None:
    customer = Customer(name="ada")
    orders = [Order(customer_id=customer.id) for _ in range(3)]
    items = [Item(order_id=order.id, price=5) for order in orders for _ in range(2)]
    with app.transaction() as tx:
        tx.add_all([customer, *orders, *items, Customer(name="bob")])
    assert (app.get(Customer, customer.id).order_count, app.get(Customer, customer.id).total) == (3, 30)
    assert app.verify() == []


def test_many_cost_few_statements_besides_those_that_insert_them(app: App, watch: Watch) -> None:
    order, *_ = three_orders(app)
    costs = []
    for rows in (20, 2_000):
        with watch() as statements, app.transaction() as tx:
            tx.load(Item, ({"order_id": order.id, "price": 1, "name": "x"} for _ in range(rows)))
        costs.append(len([one for one in statements if not one.startswith("INSERT")]))
    assert max(costs) < 15


def test_rows_are_taken_as_a_file_has_them(app: App) -> None:
    order, *_ = three_orders(app)
    id = uuid4()
    row = {"id": str(id), "order_id": str(order.id), "price": "7", "bought_at": "2026-03-01T10:00:00+01:00"}
    with app.transaction() as tx:
        tx.load(Item, [row])
    item = app.get(Item, id)
    assert (item.order_id, item.price, item.paid) == (order.id, 7, False)
    assert item.bought_at == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_events_are_loaded_with_all_that_follows(app: App) -> None:
    with app.transaction() as tx:
        assert tx.load(ParcelSent, [{"weight": n} for n in range(50)]) == 50
    assert sorted(parcel.weight for parcel in app.query(select(Parcel))) == list(range(1, 50))
    assert app.verify() == []


def test_events_that_are_loaded_happened_when_their_transaction_did(database_url: str) -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    with opened(App([[Knock, Door]], database=database_url, clock=clock)) as app:
        with app.transaction() as tx:
            tx.load(Knock, [{"who": "ada"}, {"who": "bob", "at": "2025-01-01T00:00:00Z"}])
        moments = {knock.who: knock.at for knock in app.query(select(Knock))}
    assert moments == {"ada": clock.now(), "bob": datetime(2025, 1, 1, tzinfo=UTC)}


def test_every_row_that_is_not_valid_is_named_by_its_number(app: App) -> None:
    rows = [{"weight": 1}, {"weight": -1}, {"weight": 2}, {"wait": 3}]
    with pytest.raises(TransactionFailed), app.transaction() as tx:
        with pytest.raises(InvalidRecord) as refused:
            tx.load(ParcelSent, rows, start=101)
    message = str(refused.value)
    assert "row 102, weight: Input should be greater than or equal to 0" in message
    assert "row 104, weight: Field required; row 104, wait: Extra inputs are not permitted" in message
    assert app.query(select(ParcelSent)) == []


def test_of_many_mistakes_some_are_told(app: App) -> None:
    with pytest.raises(InvalidRecord, match=r"row 20, weight: .*; and 980 more\.$"), app.transaction() as tx:
        tx.load(ParcelSent, [{"weight": -1}] * 1000)


def test_what_was_added_before_a_mistake_cannot_be_committed(app: App) -> None:
    with pytest.raises(TransactionFailed), app.transaction() as tx:
        with pytest.raises(InvalidRecord, match="row 2501, price"):
            tx.add_all([*(Item(price=1) for _ in range(2500)), Item(price="dear")])  # type: ignore[arg-type]
    assert app.query(select(Item)) == []


def test_computed_properties_are_no_facts(app: App) -> None:
    with pytest.raises(InvalidRecord, match="row 1, total: Extra inputs"), app.transaction() as tx:
        tx.load(Order, [{"total": 5}])
    with pytest.raises(ComputedPropertyWritten):
        Order(total=5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("model", "error"),
    [(Charge, CallsAreDerived), (Totals, GlobalIsFixed), (IntegrationEvent, IngestOnly)],
)
def test_what_cannot_be_added_cannot_be_loaded(app: App, model: type[Entity], error: type[Exception]) -> None:
    with pytest.raises(error), app.transaction() as tx:
        tx.load(model, [{}])


def test_events_are_not_added_but_loaded(app: App) -> None:
    with pytest.raises(ImmutableRecord), app.transaction() as tx:
        tx.add_all([ParcelSent(weight=1)])


def test_ids_that_are_taken_and_references_to_nothing_are_refused(app: App) -> None:
    order, *_ = three_orders(app)
    id = uuid4()
    with pytest.raises(AlreadyExists), app.transaction() as tx:
        tx.load(Item, [{"id": id}, {"id": id}])
    with pytest.raises(AlreadyExists), app.transaction() as tx:
        tx.load(Order, [{} for _ in range(50)] + [{"id": order.id}])
    with pytest.raises(MissingReference, match=r"Item\.order_id"), app.transaction() as tx:
        tx.load(Item, [{"order_id": order.id}] * 50 + [{"order_id": id}])
    assert app.query(select(Item)) == []


def test_what_was_loaded_can_be_changed_in_the_same_transaction(app: App) -> None:
    order, *_ = three_orders(app)
    item = Item(order_id=order.id, price=5)
    with app.transaction() as tx:
        tx.add_all([item, Item(order_id=order.id, price=1)])
        tx.update(item, price=7)
        tx.dispatch(OrderShut(order_id=order.id))
    assert app.get(Order, order.id).total == 8
    assert app.verify() == []


class Knock(Event, table=True):
    who: str


class Door(Global, table=True):
    knocks: int = computed(Count(Knock))


class Visit(Entity, table=True):
    who: str


@derive
def visit(knock: Knock) -> Visit:
    return Visit(who=knock.who)


@condition
def known(event: Knock, admission: Admission) -> bool:
    return event.who == "ada"


def test_guards_decide_about_every_event_that_is_loaded(database_url: str) -> None:
    with opened(App([[Knock, Door, Visit, visit, guard(Knock)(known)]], database=database_url)) as app:
        with app.transaction() as tx:
            tx.load(Knock, [{"who": "ada"}, {"who": "ada"}])
        with pytest.raises(Refused), app.transaction() as tx:
            tx.load(Knock, [{"who": "ada"}, {"who": "eve"}])
        assert app.get(Door).knocks == len(app.query(select(Visit))) == 2


@pytest.fixture
def collecting() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


@pytest.mark.usefixtures("collecting")
def test_the_collector_of_cycles_rests_while_many_are_added_and_works_again_after(app: App) -> None:
    seen = []

    def items() -> Iterator[Item]:
        seen.append(gc.isenabled())
        yield Item(price=1)

    with app.transaction() as tx:
        tx.add_all(items())
        seen.append(gc.isenabled())  # there are many until the end
    assert (seen, gc.isenabled()) == ([False, False], True)
    assert not any(tx.work.rows.values()), "whoever keeps the transaction keeps none of them"
    with pytest.raises(InvalidRecord), app.transaction() as tx:
        tx.load(Item, [{"price": "dear"}])
    assert gc.isenabled()
    gc.disable()
    with app.transaction() as tx:
        tx.load(Item, [{"price": 1}])
    assert not gc.isenabled(), "who lets it rest keeps it at rest"
