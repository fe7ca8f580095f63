"""Counts, sums and what is selected, for every way in which records come, move, change and go."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from framework.app import App
from tests.engine.conftest import Watch
from tests.engine.shop import Customer, Item, Order, Totals

OF_NOTHING: dict[str, Any] = {
    "count": 0,
    "dear": 0,
    "total": 0,
    "weighted": 0,
    "mean": None,
    "mean_or_0": None,
    "all_paid": True,
    "all_paid_and_some": False,
    "some_paid": False,
    "cheapest": None,
    "dearest": None,
    "last_bought_at": None,
    "first_name": None,
    "latest_name": None,
    "latest_paid": None,
    "newest_names": [],
    "price_list": [],
    "odd": 0,
}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def order(app: App) -> Order:
    with app.transaction() as tx:
        return tx.add(Order())


def add(app: App, order: Order | None, **facts: Any) -> Item:
    with app.transaction() as tx:
        return tx.add(Item(order_id=order.id if order else None, **facts))


def change(app: App, item: Item, **facts: Any) -> None:
    with app.transaction() as tx:
        tx.update(Item, item.id, **facts)


def delete(app: App, *items: Item) -> None:
    with app.transaction() as tx:
        for item in items:
            tx.delete(Item, item.id)


def said(app: App, order: Order, *names: str) -> Any:
    found = app.get(Order, order.id)
    values = tuple(getattr(found, name) for name in names)
    assert app.verify() == []
    return values[0] if len(values) == 1 else values


def test_of_nothing(app: App, order: Order) -> None:
    found = app.get(Order, order.id)
    assert {name: getattr(found, name) for name in OF_NOTHING} == OF_NOTHING


def test_emptied_is_as_never_filled(app: App, order: Order) -> None:
    items = [add(app, order, price=n, name=str(n), paid=bool(n % 2), bought_at=NOON) for n in range(4)]
    assert said(app, order, "count", "all_paid_and_some", "newest_names") == (4, False, ["3", "2"])
    delete(app, *items[:3])
    delete(app, items[3])
    found = app.get(Order, order.id)
    assert {name: getattr(found, name) for name in OF_NOTHING} == OF_NOTHING
    assert app.verify() == []


def test_none_adds_nothing(app: App, order: Order) -> None:
    add(app, order, price=None)
    assert said(app, order, "count", "total", "mean", "mean_or_0", "cheapest") == (1, 0, None, 0.0, None)
    item = add(app, order, price=4)
    assert said(app, order, "count", "total", "mean", "mean_or_0", "cheapest") == (2, 4, 4.0, 2.0, 4)
    change(app, item, price=None)
    assert said(app, order, "count", "total", "mean", "mean_or_0", "cheapest") == (2, 0, None, 0.0, None)


def test_a_condition_is_entered_and_left(app: App, order: Order) -> None:
    item = add(app, order, price=5)
    assert said(app, order, "dear") == 0
    change(app, item, price=6)
    assert said(app, order, "dear") == 1
    change(app, item, price=7)
    assert said(app, order, "dear") == 1
    change(app, item, price=None)
    assert said(app, order, "dear") == 0


def test_weights_and_values(app: App, order: Order) -> None:
    item = add(app, order, price=5)
    add(app, order, price=2, paid=True)
    assert said(app, order, "weighted") == 11
    change(app, item, paid=True)
    assert said(app, order, "weighted") == 21


def test_every_and_some(app: App, order: Order) -> None:
    names = ("all_paid", "all_paid_and_some", "some_paid")
    one, two = add(app, order, paid=True), add(app, order, paid=False)
    assert said(app, order, *names) == (False, False, True)
    change(app, two, paid=True)
    assert said(app, order, *names) == (True, True, True)
    change(app, one, paid=False)
    change(app, two, paid=False)
    assert said(app, order, *names) == (False, False, False)
    delete(app, one, two)
    assert said(app, order, *names) == (True, False, False)


def test_a_record_moves_between_hosts(app: App, order: Order) -> None:
    with app.transaction() as tx:
        other = tx.add(Order())
    item = add(app, order, price=6, name="pen", paid=True)
    names = ("count", "dear", "total", "mean", "cheapest", "dearest", "latest_name", "odd", "newest_names")
    full, empty = (1, 1, 6, 6.0, 6, 6, "pen", 0, ["pen"]), (0, 0, 0, None, None, None, None, 0, [])
    change(app, item, order_id=other.id)
    assert said(app, order, *names) == empty
    assert said(app, other, *names) == full
    change(app, item, order_id=order.id, price=7)
    assert said(app, order, *names) == (1, 1, 7, 7.0, 7, 7, "pen", 1, ["pen"])
    assert said(app, other, *names) == empty
    change(app, item, order_id=None)
    assert said(app, order, *names) == empty
    assert app.get(Totals).revenue == 7


def test_a_cascade_takes_its_records_out_of_all_totals(app: App, order: Order) -> None:
    for price in (1, 2, 3):
        add(app, order, price=price)
    add(app, None, price=10)
    assert app.get(Totals).revenue == 16
    with app.transaction() as tx:
        tx.delete(order)
    totals = app.get(Totals)
    assert (totals.revenue, totals.orders, totals.dearest, totals.lines) == (10, 0, 10, 0)
    assert app.verify() == []


def test_set_null_lets_go(app: App) -> None:
    with app.transaction() as tx:
        customer = tx.add(Customer(name="ada", limit=5))
        order = tx.add(Order(customer_id=customer.id))
        tx.add(Item(order_id=order.id, price=9))
    assert said(app, order, "customer_name", "customer_total", "label") == ("ada", 5, "None:9:ada")
    assert app.get(Customer, customer.id).total == 9
    with app.transaction() as tx:
        tx.delete(customer)
    assert said(app, order, "customer_id", "customer_name", "customer_total", "label") == (
        None,
        None,
        None,
        "None:9:None",
    )


def test_the_second_level_follows_the_first(app: App) -> None:
    with app.transaction() as tx:
        customer = tx.add(Customer(name="ada"))
        orders = [tx.add(Order(customer_id=customer.id, note=str(n))) for n in range(3)]
        for n, order in enumerate(orders):
            tx.add(Item(order_id=order.id, price=10 * n))
    found = app.get(Customer, customer.id)
    assert (found.order_count, found.total, found.best, found.worst) == (3, 30, 20, 0.0)
    assert (found.newest_label, found.mean_of_means) == ("2:20:ada", 10.0)
    with app.transaction() as tx:
        tx.delete(orders[2])
    found = app.get(Customer, customer.id)
    assert (found.order_count, found.total, found.best, found.newest_label) == (2, 10, 10, "1:10:ada")
    assert app.get(Totals).customers_total == 10
    assert app.verify() == []


def test_the_extreme_leaves_and_the_next_one_takes_its_place(app: App, order: Order) -> None:
    items = {price: add(app, order, price=price, paid=True) for price in (5, 3, 8, 3)}
    assert said(app, order, "cheapest", "dearest") == (3, 8)
    change(app, items[8], price=4)
    assert said(app, order, "cheapest", "dearest") == (3, 5)
    change(app, items[3], price=9)
    assert said(app, order, "cheapest", "dearest") == (3, 9)
    delete(app, items[3])
    assert said(app, order, "cheapest", "dearest") == (3, 5)
    change(app, items[5], paid=False)
    assert said(app, order, "cheapest", "dearest") == (3, 4)


def test_the_extreme_is_replaced_in_the_same_transaction(app: App, order: Order) -> None:
    low = add(app, order, price=1)
    add(app, order, price=5)
    third = add(app, order, price=7)
    with app.transaction() as tx:
        tx.update(Item, low.id, price=9)
        tx.update(Item, third.id, price=2)
    assert said(app, order, "cheapest") == 2
    with app.transaction() as tx:
        tx.delete(Item, third.id)
        tx.add(Item(order_id=order.id, price=6))
        tx.update(Item, low.id, order_id=None)
    assert said(app, order, "cheapest") == 5


def test_the_latest_moment_is_kept_in_utc(app: App, order: Order) -> None:
    item = add(app, order, bought_at=NOON)
    add(app, order, bought_at=NOON - timedelta(microseconds=1))
    assert said(app, order, "last_bought_at") == NOON
    delete(app, item)
    assert said(app, order, "last_bought_at") == NOON - timedelta(microseconds=1)


def test_the_newest_and_the_oldest(app: App, order: Order) -> None:
    one = add(app, order, name="one")
    two = add(app, order, name=None)
    three = add(app, order, name="three")
    names = ("first_name", "latest_name", "newest_names")
    assert said(app, order, *names) == ("one", "three", ["three", "one"])
    change(app, two, name="two")
    assert said(app, order, *names) == ("one", "three", ["three", "two"])
    change(app, three, name=None)
    assert said(app, order, *names) == ("one", "two", ["two", "one"])
    delete(app, one)
    assert said(app, order, *names) == ("two", "two", ["two"])
    change(app, two, name="zwei")
    assert said(app, order, *names) == ("zwei", "zwei", ["zwei"])
    change(app, three, name="drei")
    assert said(app, order, *names) == ("zwei", "drei", ["drei", "zwei"])


def test_the_newest_is_found_among_many_changes_of_one_transaction(app: App, order: Order) -> None:
    with app.transaction() as tx:
        other = tx.add(Order())
    items = [add(app, order, name=str(n)) for n in range(6)]
    foreign = add(app, other, name="foreign")
    with app.transaction() as tx:
        tx.delete(Item, items[5].id)
        tx.update(Item, items[4].id, name=None)
        tx.update(Item, items[0].id, order_id=other.id)
        tx.update(Item, foreign.id, order_id=order.id)
        tx.update(Item, items[1].id, name=None)
    assert said(app, order, "first_name", "latest_name", "newest_names") == ("2", "foreign", ["foreign", "3"])
    assert said(app, other, "first_name", "latest_name", "newest_names") == ("0", "0", ["0"])
    with app.transaction() as tx:
        tx.update(Item, foreign.id, order_id=None)
        tx.add(Item(order_id=order.id, name="new"))
        tx.add(Item(order_id=order.id, name="newer"))
        tx.update(Item, items[0].id, order_id=order.id)
    assert said(app, order, "first_name", "latest_name", "newest_names") == ("0", "newer", ["newer", "new"])


def test_a_record_with_an_old_id_is_new(app: App, order: Order) -> None:
    add(app, order, name="first", id=UUID(int=9 << 120))
    add(app, order, name="second", id=UUID(int=1))
    assert said(app, order, "first_name", "latest_name") == ("first", "second")


def test_a_look_up_fans_out(app: App) -> None:
    with app.transaction() as tx:
        customer = tx.add(Customer(name="ada", limit=1))
        orders = [tx.add(Order(customer_id=customer.id)) for _ in range(5)]
    with app.transaction() as tx:
        tx.update(customer, name="eve")
        tx.update(orders[0], customer_id=None)
    assert [said(app, order, "customer_name") for order in orders] == [None, "eve", "eve", "eve", "eve"]
    assert [said(app, order, "label") for order in orders[:2]] == ["None:0:None", "None:0:eve"]


def test_formulas_follow_each_other(app: App, order: Order) -> None:
    add(app, order, price=100)
    assert said(app, order, "label", "label_length") == ("None:100:None", 14)
    with app.transaction() as tx:
        tx.update(order, note="x")
    assert said(app, order, "label", "label_length") == ("x:100:None", 11)


def test_a_global_has_facts_of_its_own(app: App) -> None:
    add(app, None, price=5)
    with app.transaction() as tx:
        tx.update(Totals, motto="less")
    assert (app.get(Totals).motto, app.get(Totals).shout) == ("less", "LESS5")


def test_the_cost_does_not_depend_on_how_many_there_are(app: App, order: Order, watch: Watch) -> None:
    def cost() -> list[str]:
        with watch() as statements:
            item = add(app, order, price=5, name="x", paid=True)
            change(app, item, price=4, paid=False)
            delete(app, item)
        return [" ".join(one.split()[:2]) for one in statements]

    with app.transaction() as tx:
        for price in range(10):
            tx.add(Item(order_id=order.id, price=price))
    few = cost()
    with app.transaction() as tx:
        for price in range(1000):
            tx.add(Item(order_id=order.id, price=price % 10))
    assert cost() == few
