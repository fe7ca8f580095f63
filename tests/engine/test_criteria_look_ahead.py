"""What a criterion finds in the midst of a transaction is what it would find after it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import exists, true
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from framework.app import App, Settings, opened
from framework.runtime import bulk
from framework.runtime.ahead import ahead
from framework.runtime.errors import StillReferenced
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from tests.engine.board import RECORDS, Desk, Pin, Ticket, TicketClosed, TicketPurged
from tests.engine.conftest import Watch
from tests.engine.shop import (
    MODULE,
    Charge,
    Customer,
    Item,
    Line,
    Order,
    OrderReopened,
    OrderShut,
    Progress,
    cashier,
)
from tests.schemas import schema
from tests.soak import examples


class DearItem(Item, where=lambda item: item.price is not None and item.price > 2):
    pass


class RichOrder(Order, where=lambda order: order.total > 4):
    pass


class OpenOrder(Order, where=lambda order: order.progress == Progress.OPEN):
    pass


class RichOpenOrder(RichOrder, where=lambda order: order.progress == Progress.OPEN):
    pass


class OrderOfAda(Order, where=lambda order: order.customer_name == "ada"):
    pass


class BigCustomer(Customer, where=lambda customer: customer.total > 6):
    pass


VIEWS = [DearItem, RichOrder, OpenOrder, RichOpenOrder, OrderOfAda, BigCustomer]
Rich, Open, Dear, Big = (aliased(one) for one in (RichOrder, OpenOrder, DearItem, BigCustomer))

CRITERIA: list[tuple[type[Any], Any]] = [
    (Order, col(RichOrder.count) > 0),
    (Order, ~(col(RichOpenOrder.cents) > 3)),
    (Order, col(Order.id).in_(select(RichOpenOrder.id))),
    (Order, col(Order.id).not_in(select(Open.id))),
    (Order, exists().where(Rich.customer_id == Order.customer_id, Rich.id != Order.id)),
    (Order, ~exists().where(Dear.order_id == Order.id)),
    (Order, exists().where(col(BigCustomer.id) == Order.customer_id)),
    (Order, Order.items.any(col(DearItem.price) > 3)),  # type: ignore[attr-defined]
    (Order, col(OrderOfAda.label_length) > 3),
    (Order, exists().where(col(Line.order_id) == RichOrder.id, col(Line.position) == 2)),
    (Order, col(Order.total) > 4),
    (Customer, col(Customer.orders).of_type(RichOrder).any()),
    (Customer, ~exists().where(Open.customer_id == Customer.id)),
    (Customer, col(BigCustomer.order_count) < 3),
    (Item, col(Item.order_id).in_(select(RichOrder.id))),
    (Item, exists().where(Open.id == Item.order_id, exists().where(Big.id == Open.customer_id))),
    (DearItem, col(Item.order_id).not_in(select(OpenOrder.id))),
    (RichOrder, col(RichOrder.wear) == "touched"),
    (BigCustomer, exists().where(Rich.customer_id == Customer.id, col(Rich.customer_name) == "ada")),
]

picks = st.integers(0, 5)
prices = st.none() | st.integers(0, 6)
numbers = count(1)


def new_id() -> UUID:
    return UUID(int=next(numbers))


Deed = Callable[[Transaction], object]


class Ledger:
    """What there is, by its ids, as deeds are thought out."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.customers: list[UUID] = []
        self.orders: list[UUID] = []
        self.items: dict[UUID, UUID] = {}

    def begin(self) -> None:
        """Anew: two customers with two orders each, of which one has items."""
        self.customers, self.orders, self.items = [], [], {}
        with self.app.transaction() as tx:
            for model in (Item, Order, Customer):
                tx.delete_where(model, true())
            for one in range(4):
                if one < 2:
                    self.deed("customer", one, 0, None)(tx)
                self.deed("order", one, 0, None)(tx)
            for one in range(5):
                self.deed("item", one, one % 2, one)(tx)

    def deed(self, kind: str, one: int, other: int, price: int | None) -> Deed:
        """One of its kind, of records that will be there."""
        customer = self.customers[one % len(self.customers)] if self.customers else None
        order = self.orders[other % len(self.orders)] if self.orders else None
        item = sorted(self.items)[one % len(self.items)] if self.items else None
        match kind:
            case "item" if order is not None:
                id = new_id()
                self.items[id] = order
                return lambda tx: tx.add(Item(id=id, order_id=order, price=price, paid=one > 2))
            case "price" if item is not None:
                return lambda tx: tx.update(Item, item, price=price)
            case "move" if item is not None and order is not None:
                self.items[item] = order
                return lambda tx: tx.update(Item, item, order_id=order)
            case "take" if item is not None:
                del self.items[item]
                return lambda tx: tx.delete(Item, item)
            case "buyer" if order is not None:
                return lambda tx: tx.update(Order, order, customer_id=customer, cents=one)
            case "name" if customer is not None:
                name = "ada" if other % 2 else "bob"
                return lambda tx: tx.update(Customer, customer, name=name, limit=price)
            case "shut" if order is not None:
                event = OrderShut(id=new_id(), order_id=order) if one % 2 else OrderReopened(order_id=order)
                return lambda tx: tx.dispatch(event)
            case "cancel" if order is not None:
                self.orders.remove(order)
                self.items = {id: of for id, of in self.items.items() if of != order}
                return lambda tx: tx.delete(Order, order)
            case "customer":
                id = new_id()
                self.customers.append(id)
                return lambda tx: tx.add(Customer(id=id, name="ada" if one % 2 else "bob"))
            case _:
                id = new_id()
                self.orders.append(id)
                return lambda tx: tx.add(Order(id=id, customer_id=customer, cents=other))


KINDS = ["item", "item", "price", "move", "take", "buyer", "name", "shut", "cancel", "customer", "order"]
deeds = st.lists(st.tuples(st.sampled_from(KINDS), picks, picks, prices), min_size=1, max_size=6)


class Abandoned(Exception):
    pass


def meant(tx: Transaction, model: type[Any], criterion: Any) -> set[UUID]:
    """Whom a criterion finds in a transaction."""
    known = tx.work.rows.get(tx.plan.shape(model), {})
    fact = {"name": "meant"} if model in (Customer, BigCustomer, Item, DearItem) else {"note": "meant"}
    many = tx.update_where(model, criterion, **fact)
    ((name, value),) = fact.items()
    known = tx.work.rows.get(tx.plan.shape(model), {})
    found = {id for id, one in known.items() if one.after_row and one.after_row[name] == value}
    assert len(found) == many
    return found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    with ExitStack() as schemas:
        url = "sqlite:///:memory:"
        if request.param == "postgresql":
            url = schemas.enter_context(schema(request.getfixturevalue("postgres")))
        app = App([[*MODULE, *VIEWS]], [cashier()], url, Settings(synchronous="OFF"))
        app.create()
        yield Ledger(app)
        assert [str(one) for one in app.verify()] == []
        app.close()


@examples(25, soak=600)
@given(deeds, st.sampled_from(CRITERIA), deeds)
def test_a_criterion_finds_what_it_would_find_after_the_transaction(
    ledger: Ledger, drawn: list[Any], said: tuple[type[Any], Any], more: list[Any]
) -> None:
    """Asked first in one that is taken back, and between deeds of one that is not, and then after it."""
    model, criterion = said
    ledger.begin()
    done = [ledger.deed(*one) for one in drawn]
    with suppress(Abandoned), ledger.app.transaction() as tx:
        for deed in done:
            deed(tx)
        expected = meant(tx, model, criterion)
        raise Abandoned
    with ledger.app.transaction() as tx:
        for deed in done:
            deed(tx)
    statement = select(model.id).where(criterion)
    assert set(ledger.app.query(statement)) == expected
    with ledger.app.transaction() as tx:
        for deed in [ledger.deed(*one) for one in more]:
            deed(tx)
            if model is Order:
                tx.update_where(Order, criterion, cents=0)
    assert [str(one) for one in ledger.app.verify()] == []


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[*MODULE, *VIEWS]], [cashier()], database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


def test_a_view_has_the_members_that_the_transaction_made(app: App, watch: Watch) -> None:
    with app.transaction() as tx:
        poor, rich = tx.add(Order()).id, tx.add(Order()).id
        item = tx.add(Item(order_id=rich, price=9)).id
    with app.transaction() as tx:
        assert tx.update_where(RichOrder, col(Order.note).is_(None), note="rich") == 1
        tx.update(Item, item, order_id=poor)
        assert tx.update_where(RichOrder, col(Order.note).is_(None), note="rich now") == 1
        third = tx.add(Order(cents=7)).id
        tx.add_all(Item(order_id=third, price=3) for _ in range(2))
        assert tx.update_where(Item, col(Item.order_id).in_(select(RichOrder.id)), name="of rich") == 3
        assert tx.delete_where(RichOrder, exists().where(Dear.order_id == RichOrder.id, Dear.price == 9)) == 1
    assert app.get(Order, rich).note == "rich"
    assert (app.get(Order, third).note, app.get(Order, third).number) == (None, 3)
    assert [one.name for one in app.query(select(Item))] == ["of rich"] * 2
    assert len(app.query(select(Charge))) == 1, "what followed ahead was taken back"
    with watch() as statements, app.transaction() as tx:
        assert tx.update_where(RichOrder, col(Order.note).is_(None), note="x") == 1
    assert not any("SAVEPOINT" in one for one in statements), "nothing was done that it depends on"
    with watch() as statements, app.transaction() as tx:
        tx.update(Customer, tx.add(Customer(name="ada")).id, limit=3)
        assert tx.update_where(RichOrder, col(Order.note) == "x", note="y") == 1
    assert not any("SAVEPOINT" in one for one in statements), "nothing was done that it depends on"


class BusyDesk(Desk, where=lambda desk: desk.count > 0):
    pass


def test_what_follows_ahead_goes_on_to_its_end(database_url: str) -> None:
    """Also where a state erases a record; what cannot be is raised, and all goes on without it."""
    with opened(App([[*RECORDS, BusyDesk]], database=database_url)) as app:
        with app.transaction() as tx:
            desk, another = tx.add(Desk()).id, tx.add(Desk()).id
            ticket, other = tx.add(Ticket(desk_id=desk)).id, tx.add(Ticket(desk_id=another)).id
            pin = tx.add(Pin(ticket_id=ticket)).id
        app.dispatch(TicketClosed(ticket_id=ticket, by="ada"))
        said = col(Ticket.id) == other, ~exists().where(col(BusyDesk.id) == desk)
        with app.transaction() as tx:
            assert tx.update_where(Ticket, *said, points=1) == 0
            tx.dispatch(TicketPurged(ticket_id=ticket))
            with pytest.raises(StillReferenced) as refused:
                tx.update_where(Ticket, *said, points=1)
            assert "which a criterion asks about" in refused.value.__notes__[0]
            tx.delete(Pin, pin)
            assert tx.update_where(Ticket, *said, points=1) == 1
        assert app.query(select(Ticket.id)) == [other]
        assert app.verify() == []


def test_who_was_changed_by_another_before_it_was_locked_is_asked_about_again(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as schemas:
        url = schemas.enter_context(schema(postgres))
        declared = [[*MODULE, *VIEWS]], [cashier()], url
        with opened(App(*declared)) as app, opened(App(*declared)) as other:
            with app.transaction() as tx:
                orders = [tx.add(Order(note=note)).id for note in "abc"]

            @contextmanager
            def asked(work: Work) -> Iterator[Work]:
                with ahead(work) as then:
                    yield then
                monkeypatch.setattr(bulk, "ahead", ahead)
                with other.transaction() as tx:
                    tx.update(Order, orders[0], note="x")

            monkeypatch.setattr(bulk, "ahead", asked)
            with app.transaction() as tx:
                tx.add_all(Item(order_id=order, price=9) for order in orders[:2])
                assert tx.update_where(RichOrder, col(RichOrder.note).in_(["a", "b", "c"]), cents=1) == 1
            assert [app.get(Order, order).cents for order in orders] == [0, 1, 0]
            assert app.verify() == []
