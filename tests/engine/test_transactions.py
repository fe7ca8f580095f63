"""Everything that follows from a fact happens with it, once, or not at all."""

from collections import Counter
from contextvars import copy_context
from typing import Any
from uuid import UUID

import anyio.to_thread
import pytest
from sqlmodel import select

from framework import Count, Entity, Field, Formula, Global, Relationship, Sum, computed, derive
from framework.app import App, opened
from framework.errors import DispatchError
from framework.runtime.errors import (
    AlreadyExists,
    CallsAreDerived,
    ClosedWithin,
    DeletedHere,
    GlobalIsFixed,
    ImmutableRecord,
    MissingReference,
    NestedDispatch,
    NoSuchRecord,
    RuleOwned,
    StillReferenced,
    TransactionFailed,
    TransactionOver,
)
from tests.engine.conftest import Watch
from tests.engine.shop import (
    MODULE,
    Charge,
    Customer,
    Item,
    Line,
    Order,
    OrderShut,
    ParcelSent,
    Totals,
    cashier,
)


def everything(app: App) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, hidden columns and bookkeeping included."""
    with app.engine.database.reading() as connection:
        tables = app.engine.database.present()
        return {table: connection.rows(f'SELECT * FROM "{table}" ORDER BY 1, 2') for table in tables}


def test_what_follows_is_there_when_the_transaction_ends(app: App) -> None:
    with app.transaction() as tx:
        customer = tx.add(Customer(name="ada"))
        order = tx.add(Order(customer_id=customer.id, cents=250))
        tx.add(Item(order_id=order.id, price=3, name="pen"))
        tx.add(Item(order_id=order.id, price=4, name="ink"))
    assert (app.get(Order, order.id).total, app.get(Order, order.id).count) == (7, 2)
    assert app.get(Customer, customer.id).total == 7
    assert app.get(Totals).revenue == 7
    assert [call.request.cents for call in app.query(select(Charge))] == [250]


@pytest.mark.parametrize("step", ["add", "update", "delete", "dispatch", "derived"])
def test_an_exception_leaves_nothing_behind(app: App, step: str) -> None:
    with app.transaction() as tx:
        order = tx.add(Order(cents=1))
        item = tx.add(Item(order_id=order.id, price=3))
    before = everything(app)
    with pytest.raises(ZeroDivisionError), app.transaction() as tx:
        match step:
            case "add":
                tx.add(Item(order_id=order.id, price=9))
            case "update":
                tx.update(item, price=8)
            case "delete":
                tx.delete(order)
            case "dispatch":
                tx.dispatch(OrderShut(order_id=order.id))
            case _:
                tx.add(Order(cents=5))
        tx.work.flush()
        raise ZeroDivisionError
    assert everything(app) == before
    assert app.verify() == []


def test_a_rule_that_fails_takes_its_cause_with_it(database_url: str) -> None:
    class Source(Entity, table=True):
        n: int

    class Copy(Entity, table=True):
        n: int

    @derive
    def copy(source: Source) -> Copy:
        return Copy(n=10 // source.n)

    app = App([[Source, Copy, copy]], database=database_url)
    app.create()
    with pytest.raises(ZeroDivisionError), app.transaction() as tx:
        tx.add(Source(n=5))
        tx.add(Source(n=0))
    assert app.query(select(Source)) == []
    assert app.query(select(Copy)) == []


def test_a_hundred_items_cost_one_update_of_their_order(app: App, watch: Watch) -> None:
    with app.transaction() as tx:
        order = tx.add(Order())
    with watch() as statements, app.transaction() as tx:
        for price in range(100):
            tx.add(Item(order_id=order.id, price=price, name=str(price), paid=True))
    updates = Counter(one.split()[1] for one in statements if one.startswith("UPDATE"))
    assert updates == {'"order"': 1, "totals": 1}
    assert app.get(Order, order.id).total == 4950


def test_many_changes_of_one_record_are_one_update(app: App, watch: Watch) -> None:
    with app.transaction() as tx:
        customer = tx.add(Customer(name="ada"))
        order = tx.add(Order(customer_id=customer.id))
        items = [tx.add(Item(order_id=order.id, price=n)) for n in range(5)]
    with watch() as statements, app.transaction() as tx:
        tx.update(order, note="first")
        tx.update(customer, name="bob")
        for item in items[:3]:
            tx.update(item, price=50)
            tx.update(item, paid=True)
        tx.delete(items[4])
        tx.update(order, note="last")
        tx.add(Item(order_id=order.id, price=1))
    updates = [one for one in statements if one.startswith("UPDATE")]
    tables = Counter(one.split()[1] for one in updates)
    items_told = 1 if app.engine.database.concurrent else 3  # the seam hears an executemany, SQLite each row
    assert tables == {'"order"': 1, "customer": 1, "totals": 1, "item": items_told, "line": 1}
    assert app.get(Order, order.id).note == "last"
    assert app.verify() == []


def test_a_diamond_runs_once(database_url: str) -> None:
    seen: list[tuple[int, int]] = []

    def join(row: Any) -> int:
        seen.append((row.left, row.right))
        return row.left + row.right

    class Row(Entity, table=True):
        n: int
        left: int = computed(Formula(lambda row: row.n + 1))
        right: int = computed(Formula(lambda row: row.n * 10))
        both: int = computed(Formula(join))

    app = App([[Row]], database=database_url)
    app.create()
    with app.transaction() as tx:
        row = tx.add(Row(n=2))
    assert seen == [(3, 20)]
    with app.transaction() as tx:
        tx.update(row, n=3)
    assert seen == [(3, 20), (4, 30)]
    assert app.get(Row, row.id).both == 34


def test_a_value_that_did_not_change_stops_the_wave(database_url: str) -> None:
    ran: list[int] = []

    def counted(order: Any) -> int:
        ran.append(order.total)
        return order.total

    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        price: int

    class Order(Entity, table=True):
        items: list[Item] = Relationship()
        total: int = computed(Sum(items, lambda item: item.price // 10))
        doubled: int = computed(Formula(counted))

    class All(Global, table=True):
        total: int = computed(Sum(Order, lambda order: order.doubled))

    app = App([[Item, Order, All]], database=database_url)
    app.create()
    with app.transaction() as tx:
        order = tx.add(Order())
        item = tx.add(Item(order_id=order.id, price=20))
    ran.clear()
    with app.transaction() as tx:
        tx.update(item, price=25)
    assert ran == []
    with app.transaction() as tx:
        tx.update(item, price=30)
    assert ran == [3]


def test_a_transaction_that_changes_nothing_writes_nothing(app: App, watch: Watch) -> None:
    with app.transaction() as tx:
        order = tx.add(Order(note="same"))
        item = tx.add(Item(order_id=order.id, price=1))
    with watch() as statements, app.transaction() as tx:
        tx.update(order, note="same")
        tx.update(item, price=2)
        tx.update(item, price=1)
        gone = tx.add(Item(order_id=order.id, price=5))
        tx.delete(Item, gone.id)
    assert [one for one in statements if not one.startswith("SELECT")] == []


def test_records_may_come_before_those_that_they_refer_to(app: App) -> None:
    order = Order(note="late")
    with app.transaction() as tx:
        tx.add(Item(order_id=order.id, price=4))
        tx.add(order)
    assert app.get(Order, order.id).total == 4
    assert app.verify() == []


def test_a_reference_to_nothing_is_refused(app: App) -> None:
    with pytest.raises(MissingReference) as caught, app.transaction() as tx:
        tx.add(Item(order_id=UUID(int=7), price=1))
    assert str(caught.value) == (
        "Item.order_id refers to Order 00000000-0000-0000-0000-000000000007, which does not exist. "
        "Create it first, or correct the id."
    )
    with app.transaction() as tx:
        item = tx.add(Item(price=1))
    with pytest.raises(MissingReference), app.transaction() as tx:
        tx.update(item, order_id=UUID(int=7))
    with pytest.raises(MissingReference):
        app.dispatch(OrderShut(order_id=UUID(int=8)))
    assert app.get(Item, item.id).order_id is None


def test_what_is_referred_to_cannot_go(database_url: str) -> None:
    class Room(Entity, table=True):
        name: str = ""

    class Bed(Entity, table=True):
        room_id: UUID = Field(foreign_key="room.id")

    app = App([[Room, Bed]], database=database_url)
    app.create()
    with app.transaction() as tx:
        room = tx.add(Room())
        bed = tx.add(Bed(room_id=room.id))
    with pytest.raises(StillReferenced) as caught, app.transaction() as tx:
        tx.delete(room)
    assert str(caught.value) == (
        f"Room {room.id} cannot be deleted: Bed.room_id still refers to it. "
        "Delete those records first, or declare `ondelete` on that field."
    )
    with app.transaction() as tx:
        tx.delete(bed)
        tx.delete(room)
    with app.transaction() as tx:
        room, other = tx.add(Room()), tx.add(Room())
        bed = tx.add(Bed(room_id=room.id))
    with app.transaction() as tx:
        tx.update(bed, room_id=other.id)
        tx.delete(room)
    assert [one.id for one in app.query(select(Room))] == [other.id]


def test_a_failed_step_spoils_the_whole_transaction(database_url: str) -> None:
    class Box(Entity, table=True):
        name: str = ""

    class Toy(Entity, table=True):
        box_id: UUID = Field(foreign_key="box.id", ondelete="CASCADE")

    class Battery(Entity, table=True):
        toy_id: UUID = Field(foreign_key="toy.id")

    app = App([[Box, Toy, Battery]], database=database_url)
    app.create()
    with app.transaction() as tx:
        box = tx.add(Box())
        tx.add(Toy(box_id=box.id))
        toy = tx.add(Toy(box_id=box.id))
        tx.add(Battery(toy_id=toy.id))
    with pytest.raises(TransactionFailed, match=r"Battery\.toy_id still refers"), app.transaction() as tx:
        with pytest.raises(StillReferenced):
            tx.delete(box)  # one toy is gone by now
    assert len(app.query(select(Toy))) == 2


class Ring(Entity, table=True):
    next_id: UUID | None = Field(default=None, foreign_key="ring.id", ondelete="CASCADE")
    before: list["Ring"] = Relationship()
    count: int = computed(Count(before))


def test_a_circle_of_cascades_goes_at_once(database_url: str) -> None:
    app = App([[Ring]], database=database_url)
    app.create()
    with app.transaction() as tx:
        one = tx.add(Ring())
        two = tx.add(Ring(next_id=one.id))
        three = tx.add(Ring(next_id=two.id))
        tx.update(one, next_id=three.id)
    assert [app.get(Ring, each.id).count for each in (one, two, three)] == [1, 1, 1]
    with app.transaction() as tx:
        tx.delete(two)
    assert app.query(select(Ring)) == []


def test_unique_values_may_change_hands_in_one_transaction(database_url: str) -> None:
    class Seat(Entity, table=True):
        number: int = Field(unique=True)
        name: str = ""

    app = App([[Seat]], database=database_url)
    app.create()
    with app.transaction() as tx:
        seat = tx.add(Seat(number=1))
    with app.transaction() as tx:
        tx.update(seat, number=2)
        tx.add(Seat(number=1, name="new"))
    with app.transaction() as tx:
        tx.delete(seat)
        tx.add(Seat(number=2, name="newer"))
    assert {one.number: one.name for one in app.query(select(Seat))} == {1: "new", 2: "newer"}


@pytest.mark.parametrize("together", [True, False])
def test_unique_values_stay_unique(database_url: str, together: bool) -> None:
    class Seat(Entity, table=True):
        row: str
        number: int = Field(unique=True)

    app = App([[Seat]], database=database_url)
    app.create()
    with app.transaction() as tx:
        tx.add(Seat(row="a", number=1))
        other = tx.add(Seat(row="b", number=2))
    with pytest.raises(AlreadyExists) as caught, app.transaction() as tx:
        if together:
            tx.add(Seat(row="c", number=3))
            tx.add(Seat(row="d", number=3))
        else:
            tx.add(Seat(row="c", number=1))
    number = 3 if together else 1
    assert str(caught.value) == (
        f"Seat with number = '{number}' exists already (code 'number_taken'). "
        "Use another value, or update the record that is there."
    )
    with pytest.raises(AlreadyExists), app.transaction() as tx:
        tx.update(other, number=1)
    assert sorted(one.number for one in app.query(select(Seat))) == [1, 2]


def test_an_id_is_used_once(app: App) -> None:
    with app.transaction() as tx:
        item = tx.add(Item(price=1))
    with pytest.raises(AlreadyExists), app.transaction() as tx:
        tx.add(Item(id=item.id, price=2))
    with pytest.raises(AlreadyExists), app.transaction() as tx:
        tx.add(Item(id=UUID(int=5)))
        tx.add(Item(id=UUID(int=5)))
    with pytest.raises(DeletedHere), app.transaction() as tx:
        tx.delete(item)
        tx.add(Item(id=item.id))
    with app.transaction() as tx:
        tx.delete(item)
    with app.transaction() as tx:
        tx.add(Item(id=item.id, price=9))
    assert app.get(Totals).revenue == 9
    assert app.verify() == []


def test_a_transaction_cannot_be_started_inside_another(app: App) -> None:
    with pytest.raises(NestedDispatch), app.transaction():
        app.dispatch(ParcelSent(weight=1))
    with pytest.raises(NestedDispatch), app.transaction(), app.transaction():
        pass
    with pytest.raises(NestedDispatch):
        app.engine.write(lambda tx: app.dispatch(ParcelSent(weight=1)))
    assert app.query(select(ParcelSent)) == []
    app.dispatch(ParcelSent(weight=1))


@pytest.mark.anyio
async def test_a_transaction_waits_for_no_other_that_it_lets_a_thread_begin(app: App) -> None:
    """On SQLite it would wait for ever."""

    def send() -> None:
        app.dispatch(ParcelSent(weight=1))

    with app.transaction() as tx:
        order = tx.add(Order()).id
        with pytest.raises(NestedDispatch):
            await anyio.to_thread.run_sync(send)
        with pytest.raises(ClosedWithin):
            await anyio.to_thread.run_sync(app.close)
        copied = copy_context()
    copied.run(send)
    await anyio.to_thread.run_sync(send)
    assert len(app.query(select(ParcelSent))) == 2
    assert app.get(Order, order).id == order


def test_another_app_may_be_asked_inside_a_transaction(app: App) -> None:
    with opened(App([MODULE], [cashier()])) as other, app.transaction() as tx:
        tx.add(Order(id=other.dispatch(ParcelSent(weight=1)).id))
        with other.transaction() as inner:
            inner.add(Order())
        with pytest.raises(NestedDispatch):
            copy_context().run(app.dispatch, ParcelSent(weight=2))
    assert len(app.query(select(Order))) == 1


def test_nothing_enters_a_transaction_that_is_over(app: App) -> None:
    with app.transaction() as tx:
        order = tx.add(Order())
    uses = (
        lambda: tx.add(Order()),
        lambda: tx.update(order, note="late"),
        lambda: tx.delete(order),
        lambda: tx.dispatch(OrderShut(order_id=order.id)),
        lambda: tx.get(Order, order.id),
    )
    for use in uses:
        with pytest.raises(TransactionOver):
            use()
    with pytest.raises(ZeroDivisionError), app.transaction() as tx:
        raise ZeroDivisionError
    for use in uses:
        with pytest.raises(TransactionOver):
            use()
    assert len(app.query(select(Order))) == 1


def test_queries_inside_a_transaction_do_not_disturb_it(app: App) -> None:
    with app.transaction() as tx:
        tx.add(Order(note="one"))
        tx.work.flush()
        app.query(select(Order))
        app.query(select(Item))
        tx.add(Order(note="two"))
    assert {one.note for one in app.query(select(Order))} == {"one", "two"}


def test_what_is_not_an_entity_has_its_own_way_in(app: App) -> None:
    app.dispatch(ParcelSent(weight=2))
    (sent,) = app.query(select(ParcelSent))
    with app.transaction() as tx:
        order = tx.add(Order(cents=5))
    (call,), (line,) = app.query(select(Charge)), app.query(select(Line))
    refusals: list[tuple[type[DispatchError], object]] = [
        (ImmutableRecord, lambda tx: tx.add(ParcelSent(weight=1))),
        (ImmutableRecord, lambda tx: tx.update(sent, weight=1)),
        (ImmutableRecord, lambda tx: tx.delete(sent)),
        (CallsAreDerived, lambda tx: tx.add(Charge(order_id=order.id, request=call.request))),
        (CallsAreDerived, lambda tx: tx.update(call, order_id=order.id)),
        (CallsAreDerived, lambda tx: tx.delete(call)),
        (GlobalIsFixed, lambda tx: tx.add(Totals())),
        (GlobalIsFixed, lambda tx: tx.delete(Totals)),
        (RuleOwned, lambda tx: tx.update(line, text="mine")),
        (RuleOwned, lambda tx: tx.delete(line)),
        (NoSuchRecord, lambda tx: tx.update(Order, UUID(int=3), note="x")),
        (NoSuchRecord, lambda tx: tx.delete(Order, UUID(int=3))),
        (NoSuchRecord, lambda tx: tx.get(Order, UUID(int=3))),
    ]
    for error, use in refusals:
        with pytest.raises(error), app.transaction() as tx:
            use(tx)  # type: ignore[operator]
    assert app.verify() == []
