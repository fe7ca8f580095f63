"""`verify` finds what is wrong, exactly that, and `rebuild` mends it."""

from typing import Any

import pytest
from sqlmodel import select

from framework.app import App
from framework.testing import emit
from tests.engine.shop import Charge, Customer, Item, Line, Order, OrderShut, Paper, Totals


@pytest.fixture
def busy(app: App) -> App:
    """A shop where a little of everything has happened."""
    with app.transaction() as tx:
        customer = tx.add(Customer(name="ada", limit=4))
        for n in range(3):
            order = tx.add(Order(customer_id=customer.id, note=str(n), cents=n))
            for price in range(3):
                tx.add(Item(order_id=order.id, price=price, name=f"{n}{price}", paid=bool(price)))
    app.dispatch(OrderShut(order_id=order.id))
    emit(app, app.query(select(Charge))[0], "completed", result=Paper(url="here"))
    return app


def corrupt(app: App, sql: str) -> None:
    app.engine.write(lambda tx: tx.work.connection.run(sql))


CORRUPTIONS: list[tuple[str, type[Any], str]] = [
    ("UPDATE \"order\" SET total = total + 1 WHERE note = '1'", Order, "total"),
    ("UPDATE \"order\" SET count = 99 WHERE note = '1'", Order, "count"),
    ("UPDATE \"order\" SET cheapest = -5 WHERE note = '1'", Order, "cheapest"),
    ("UPDATE \"order\" SET cheapest = NULL WHERE note = '1'", Order, "cheapest"),
    ("UPDATE \"order\" SET latest_name = 'x' WHERE note = '1'", Order, "latest_name"),
    ("UPDATE \"order\" SET newest_names = '[]' WHERE note = '1'", Order, "newest_names"),
    ("UPDATE \"order\" SET customer_name = 'eve' WHERE note = '1'", Order, "customer_name"),
    ("UPDATE \"order\" SET label = 'x' WHERE note = '1'", Order, "label"),
    ("UPDATE \"order\" SET odd = 7 WHERE note = '1'", Order, "odd"),
    ("UPDATE \"order\" SET progress = 'shut' WHERE note = '1'", Order, "progress"),
    ("UPDATE \"order\" SET payment = 'due' WHERE payment = 'paid'", Order, "payment"),
    ("UPDATE \"order\" SET _mean_sum = _mean_sum + 1 WHERE note = '1'", Order, "_mean_sum"),
    ("UPDATE customer SET busy_count = 0", Customer, "busy_count"),
    ("UPDATE totals SET revenue = 0", Totals, "revenue"),
    ("UPDATE totals SET shout = 'quiet'", Totals, "shout"),
    ("UPDATE charge SET status = 'failed' WHERE status = 'completed'", Charge, "status"),
    ("UPDATE charge SET error = 'x' WHERE status = 'pending'", Charge, "error"),
    ("UPDATE item SET _order_cheapest = 44 WHERE name = '11'", Item, "_order_cheapest"),
    ("UPDATE item SET _order_latest_name = false WHERE name = '11'", Item, "_order_latest_name"),
]


@pytest.mark.parametrize(("sql", "model", "property"), CORRUPTIONS)
def test_what_somebody_else_wrote_is_found_and_mended(
    busy: App, sql: str, model: type[Any], property: str
) -> None:
    assert busy.verify() == []
    before = {one.id: one for one in busy.query(select(model))}
    corrupt(busy, sql)
    found = busy.verify()
    assert {(one.model, one.property) for one in found} >= {(model, property)}
    assert len({(one.model, one.id) for one in found if one.property == property}) == 1
    assert all(one.model is model for one in found), "nothing that is right is reported"
    assert busy.rebuild() == found
    assert busy.verify() == []
    assert {one.id: one.model_dump() for one in busy.query(select(model))} == {
        id: one.model_dump() for id, one in before.items()
    }


def test_a_difference_says_what_is_and_what_should_be(busy: App) -> None:
    (order,) = busy.query(select(Order).where(Order.note == "1"))
    corrupt(busy, "UPDATE \"order\" SET total = 77 WHERE note = '1'")
    (found,) = busy.verify()
    assert (found.model, found.id, found.property, found.stored, found.expected) == (
        Order,
        order.id,
        "total",
        77,
        3,
    )
    assert str(found) == f"Order {order.id}: total is 77, should be 3"


def test_a_fact_that_somebody_changed_is_followed(busy: App) -> None:
    corrupt(busy, "UPDATE item SET price = 100 WHERE name = '12'")
    found = {(one.model, one.property) for one in busy.verify()}
    assert {(Order, "total"), (Customer, "total"), (Totals, "revenue"), (Order, "label")} <= found
    busy.rebuild()
    assert busy.verify() == []
    assert busy.get(Totals).revenue == 107


def test_records_that_a_rule_should_have_made_are_missed(busy: App) -> None:
    corrupt(busy, "DELETE FROM charge WHERE status = 'pending'")
    found = busy.verify()
    assert ("existence", "missing") in {(one.property, one.stored) for one in found if one.model is Charge}
    assert {one.property for one in found if one.model is Order} == {"attempts"}


def test_records_without_a_source_are_reported(busy: App) -> None:
    corrupt(
        busy,
        "UPDATE line SET _made_by = _made_by || '7' WHERE position = 2"
        " AND order_id = (SELECT id FROM \"order\" WHERE note = '1')",
    )
    found = {(one.model, one.property, one.stored) for one in busy.verify()}
    assert found == {(Line, "existence", "present"), (Line, "existence", "missing")}


def test_a_fact_that_a_rule_keeps_equal_is_reported(busy: App) -> None:
    corrupt(busy, "UPDATE line SET text = 'forged' WHERE text = '1'")
    (found,) = busy.verify()
    assert (found.model, found.property, found.stored, found.expected) == (Line, "text", "forged", "1")


def test_a_broken_journal_is_reported(busy: App) -> None:
    corrupt(busy, "DELETE FROM millrace_move WHERE machine = 'Order.progress' AND target = 'open'")
    assert {one.property for one in busy.verify() if one.model is Order} == {"progress"}
