"""Many records at once, by a criterion: all that follows from each follows, and few statements are said."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import exists
from sqlalchemy import func as sql
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from framework import Entity, Field, Relationship, subset
from framework.app import App, opened
from framework.model.record import ComputedPropertyWritten, NotAColumn
from framework.plan.mistakes import UndeclaredRecord
from framework.runtime.errors import (
    CallsAreDerived,
    GlobalIsFixed,
    ImmutableRecord,
    InSeveralTables,
    InvalidRecord,
    NotACriterion,
)
from framework.storage.of_members import ViewInCriterion
from tests.engine import bank
from tests.engine.bank import Account, Branch, Frozen, Loan
from tests.engine.conftest import Watch
from tests.engine.shop import MODULE, Charge, Customer, Item, Order, OrderShut, Totals, cashier


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], [cashier()], database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


@pytest.fixture
def orders(app: App) -> list[UUID]:
    """Two orders of a customer, with a hundred items each, priced from 0 to 99."""
    with app.transaction() as tx:
        customer = tx.add(Customer(name="ada"))
        orders = [tx.add(Order(customer_id=customer.id)).id for _ in range(2)]
        for price in range(100):
            for order in orders:
                tx.add(Item(order_id=order, price=price))
    return orders


def test_records_that_meet_a_criterion_are_changed(app: App, orders: list[UUID]) -> None:
    with app.transaction() as tx:
        assert tx.update_where(Item, Item.order_id == orders[0], Item.price >= 90, price=1) == 10
    assert app.get(Order, orders[0]).total == sum(range(90)) + 10
    assert app.get(Order, orders[1]).total == sum(range(100))
    assert app.get(Totals).revenue == app.get(Order, orders[0]).total + sum(range(100))


def test_records_that_meet_a_criterion_move(app: App, orders: list[UUID]) -> None:
    with app.transaction() as tx:
        assert tx.update_where(Item, Item.order_id == orders[0], order_id=orders[1]) == 100
    assert [app.get(Order, id).count for id in orders] == [0, 200]


def test_records_that_meet_a_criterion_are_deleted(app: App, orders: list[UUID]) -> None:
    with app.transaction() as tx:
        assert tx.delete_where(Item, Item.price < 50) == 100
    assert [app.get(Order, id).count for id in orders] == [50, 50]
    assert len(app.query(select(Item))) == 100


def test_what_refers_to_what_is_deleted_follows(app: App, orders: list[UUID]) -> None:
    with app.transaction() as tx:
        assert tx.delete_where(Order, Order.id.in_(orders)) == 2  # type: ignore[attr-defined]  # a column
    assert app.query(select(Item)) == []
    assert app.get(Totals).orders == 0


def test_a_criterion_sees_what_the_transaction_has_done(app: App, orders: list[UUID]) -> None:
    with app.transaction() as tx:
        fresh = tx.add(Item(order_id=orders[0], price=1000)).id
        tx.update_where(Item, Item.price == 7, price=1001)
        assert tx.update_where(Item, Item.price >= 1000, name="dear") == 3
        assert tx.delete_where(Item, Item.name == "dear", Item.price == 1001) == 2
        assert tx.delete_where(Item, Item.price == 7) == 0
    assert app.get(Item, fresh).name == "dear"


def test_a_criterion_may_look_at_other_tables(app: App, orders: list[UUID]) -> None:
    of_ada = select(Order.id).join(Customer).where(Customer.name == "ada")
    with app.transaction() as tx:
        assert tx.update_where(Item, Item.order_id.in_(of_ada), Item.price == 3, price=0) == 2  # type: ignore[union-attr]
        expensive = Order.items.any(Item.price == 99)  # type: ignore[attr-defined]
        assert tx.update_where(Order, expensive, note="dear") == 2
        assert tx.update_where(Order, ~expensive, note="cheap") == 0


def test_values_of_every_kind_are_compared_as_they_are_kept(app: App) -> None:
    shut = OrderShut(order_id=UUID(int=1))
    with app.transaction() as tx:
        order = tx.add(Order()).id
        item = tx.add(Item(order_id=order, name="ä", paid=True, bought_at=shut.at)).id
        assert tx.update_where(Item, Item.bought_at == shut.at, price=1) == 1
        assert tx.update_where(Item, Item.paid == True, Item.name == "ä", price=2) == 1  # noqa: E712  # SQL
        assert tx.update_where(Item, Item.name == None, price=3) == 0  # noqa: E711  # SQL
        assert tx.update_where(Order, Order.payment == "due", note="y") == 1
    assert app.get(Item, item).price == 2


def test_what_one_record_refuses_all_are_refused(app: App, orders: list[UUID]) -> None:
    with pytest.raises(InvalidRecord, match="Item is not valid: paid"), app.transaction() as tx:
        tx.update_where(Item, Item.price == 1, paid="perhaps")
    with pytest.raises(ComputedPropertyWritten), app.transaction() as tx:
        tx.update_where(Order, Order.count > 0, count=1)
    with app.transaction() as tx:
        charged = tx.add(Order(cents=5)).id
    with pytest.raises(CallsAreDerived), app.transaction() as tx:
        tx.delete_where(Charge, Charge.order_id == charged)
    with pytest.raises(GlobalIsFixed), app.transaction() as tx:
        tx.delete_where(Totals, Totals.orders == 0)
    assert app.get(Order, orders[0]).count == 100


def test_what_is_no_criterion_is_refused(app: App) -> None:
    with pytest.raises(NotACriterion) as refused, app.transaction() as tx:
        tx.delete_where(Item, True)
    assert str(refused.value) == (
        "True is no criterion. Say in SQL which records of Item are meant: `Item.id == id`."
    )


def test_events_stay_as_they_are(app: App, orders: list[UUID]) -> None:
    app.dispatch(OrderShut(order_id=orders[0]))
    with pytest.raises(ImmutableRecord), app.transaction() as tx:
        tx.delete_where(OrderShut, OrderShut.order_id == orders[0])


def test_many_are_told_in_few_statements(app: App, watch: Watch, orders: list[UUID]) -> None:
    with watch() as statements, app.transaction() as tx:
        tx.delete_where(Item, Item.order_id == orders[0])
    assert len([one for one in statements if one.startswith("DELETE FROM item")]) == 2  # of 64 at most
    assert len([one for one in statements if one.startswith("SELECT")]) < 20


class DearItem(Item, where=lambda item: item.price is not None and item.price >= 90):
    """A part of all items."""


def test_of_a_view_its_members_alone_are_meant(database_url: str) -> None:
    with opened(App([[*MODULE, DearItem]], [cashier()], database_url)) as app:
        with app.transaction() as tx:
            order = tx.add(Order()).id
            for price in range(100):
                tx.add(Item(order_id=order, price=price))
        with app.transaction() as tx:
            assert tx.update_where(DearItem, DearItem.order_id == order, name="dear") == 10
        with app.transaction() as tx:
            assert tx.delete_where(DearItem, DearItem.name == "dear", Item.price < 95) == 5  # type: ignore[operator]
        assert app.get(Order, order).count == 95
        assert [str(one) for one in app.verify()] == []


class HighFrozen(Frozen, where=lambda account: account.secret > 1):
    pass


@pytest.fixture
def accounts(database_url: str) -> Iterator[App]:
    """North has a (in use), b and c (frozen, c highly); south has d (in use). A and b have a loan."""
    with opened(App([[*bank.MODULE, HighFrozen]], database=database_url)) as app:
        with app.transaction() as tx:
            branches = [tx.add(Branch(name=name)).id for name in ("north", "south")]
            for label, branch in zip("abcd", (0, 0, 0, 1), strict=True):
                account = Account(branch_id=branches[branch], owner="ada", label=label, frozen=label in "bc")
                account.secret = 2 if label == "c" else 0
                tx.add(account)
                if label in "ab":
                    tx.add(Loan(account_id=account.id))
        yield app
        assert [str(one) for one in app.verify()] == []


def labels(app: App) -> str:
    """Of the accounts that were meant."""
    return "".join(app.query(select(Account.label).where(Account.owner == "meant").order_by(Account.label)))


Other, OtherFrozen = aliased(Account), aliased(Frozen)
MEANT: dict[str, tuple[Any, str]] = {
    "in": (col(Account.id).in_(select(Frozen.id)), "bc"),
    "not in": (col(Account.id).not_in(select(Frozen.id)), "ad"),
    "an alias": (col(Account.id).in_(select(OtherFrozen.id)), "bc"),
    "a part of a part": (col(Account.id).in_(select(HighFrozen.id)), "c"),
    "the record itself": (col(Frozen.secret) < 2, "b"),
    "not the record itself": (~(col(Frozen.secret) < 2), "c"),
    "exists beside it": (exists().where(OtherFrozen.branch_id == Account.branch_id), "abc"),
    "none beside it": (~exists().where(OtherFrozen.branch_id == Account.branch_id), "d"),
    "its own loans": (exists().where(col(Loan.account_id) == Frozen.id), "b"),
    "none of its own loans": (~exists().where(col(Loan.account_id) == Frozen.id), "c"),
    "within exists": (
        exists().where(
            col(Branch.id) == Account.branch_id, exists().where(OtherFrozen.branch_id == Branch.id)
        ),
        "abc",
    ),
    "a union": (
        col(Account.id).in_(select(HighFrozen.id).union(select(Other.id).where(Other.label == "d"))),
        "cd",
    ),
    "a count": (
        select(sql.count(OtherFrozen.id)).where(OtherFrozen.branch_id == Account.branch_id).scalar_subquery()
        == 2,
        "abc",
    ),
    "any": (Account.loans.any(col(Loan.account_id).in_(select(Frozen.id))), "b"),  # type: ignore[attr-defined]
    "any of its own": (Account.loans.any(col(Loan.account_id) == Frozen.id), "b"),  # type: ignore[attr-defined]
    "a join": (col(Account.id).in_(select(Loan.account_id).join(Frozen)), "b"),
    "a join by a relation": (col(Account.id).in_(select(Frozen.id).join(Frozen.loans)), "b"),
}


@pytest.mark.parametrize("said", MEANT)
def test_of_a_view_a_criterion_means_the_members(accounts: App, said: str) -> None:
    criterion, expected = MEANT[said]
    with accounts.transaction() as tx:
        assert tx.update_where(Account, criterion, owner="meant") == len(expected)
    assert labels(accounts) == expected
    assert "".join(sorted(accounts.query(select(Account.label).where(criterion)))) == expected
    with accounts.transaction() as tx:
        assert tx.delete_where(Account, criterion) == len(expected)


def test_of_a_view_of_other_records_a_criterion_means_the_members(accounts: App) -> None:
    for criterion, expected in (
        (exists().where(col(Frozen.branch_id) == Branch.id), ["north"]),
        (~Branch.accounts.of_type(Frozen).any(), ["south"]),  # type: ignore[attr-defined]
        (Branch.accounts.any(col(HighFrozen.label) == "c"), ["north"]),  # type: ignore[attr-defined]
        (Branch.accounts.any(col(HighFrozen.label) == "b"), []),  # type: ignore[attr-defined]
    ):
        with accounts.transaction() as tx:
            assert tx.update_where(Branch, criterion, name="meant") == len(expected)
        found = accounts.query(select(Branch).where(Branch.name == "meant"))
        with accounts.transaction() as tx:
            for branch in found:
                tx.update(branch, name=expected[0])
        assert len(found) == len(expected)


ALIKE = "Say it by `exists()`, or by `.in_(select(Frozen.id))`."
MORE = "where it would hold of records that are no members, too"


@pytest.mark.parametrize(
    ("criterion", "text"),
    [
        (
            col(Branch.id).in_(select(Branch.id).outerjoin(Frozen, col(Frozen.branch_id) == Branch.id)),
            f"in an outer join, {MORE}. {ALIKE}",
        ),
        (
            col(Branch.id).in_(select(Branch.id).join(Branch.accounts.of_type(Frozen))),  # type: ignore[attr-defined]
            f"in a join by a relation, {MORE}. {ALIKE}",
        ),
        (
            col(Branch.id).in_(select(select(Frozen).cte().c.branch_id)),
            f"in a subquery, or a CTE, that is read FROM, {MORE}. {ALIKE}",
        ),
        (
            exists().where(aliased(Frozen, select(Account).subquery()).branch_id == Branch.id),
            f"by an alias of a subquery, {MORE}. {ALIKE}",
        ),
        (
            exists().where(
                col(Account.branch_id) == Branch.id, exists().where(Account.owner == Frozen.owner)
            ),
            "and of Account in one SELECT within, where both are one row. Take `aliased(Frozen)` for another "
            "one.",
        ),
    ],
)
def test_where_members_could_not_be_told_a_criterion_is_refused(
    accounts: App, criterion: Any, text: str
) -> None:
    with pytest.raises(ViewInCriterion) as refused, accounts.transaction() as tx:
        tx.delete_where(Branch, criterion)
    assert str(refused.value).startswith("The criterion speaks of Frozen ")
    assert text in str(refused.value)


def test_a_view_that_is_not_declared_is_none(database_url: str) -> None:
    with opened(App([bank.MODULE], database=database_url)) as app:
        with pytest.raises(UndeclaredRecord) as refused, app.transaction() as tx:
            tx.delete_where(Account, col(Account.id).in_(select(HighFrozen.id)))
        assert str(refused.value) == (
            "This criterion needs HighFrozen, which is not part of this App. Add it to the App's modules."
        )


class Party(Entity):
    debt: int = 0
    household_id: UUID | None = Field(default=None, foreign_key="household.id")


class Person(Party, table=True):
    pass


class Company(Party, table=True):
    pass


class Debtor(Party, where=lambda party: party.debt > 0):
    pass


class Household(Entity, table=True):
    persons: list[Person] = Relationship()
    poor: list[Debtor] = subset(persons, Debtor)


def test_what_no_criterion_can_speak_of_is_said() -> None:
    with opened(App([[Party, Person, Company, Debtor, Household]])) as app:
        with app.transaction() as tx:
            tx.add(Person(debt=1))
            for model in (Party, Debtor):
                with pytest.raises(InSeveralTables) as refused:
                    tx.delete_where(model, col(Person.debt) > 0)
                assert str(refused.value) == (
                    f"{model.__name__} has no table of its own: its records are in those of Person and "
                    "Company. Say it of each of these."
                )
            assert tx.delete_where(Person, col(Person.debt) > 0) == 1
    with pytest.raises(NotAColumn) as unsayable:
        _ = Debtor.debt
    assert str(unsayable.value) == (
        "Debtor.debt cannot be spoken of in SQL: Debtor has no table of its own. Say it of each class that "
        "has; all records together are `app.members(Debtor)`."
    )
    with pytest.raises(NotAColumn) as unsayable:
        _ = Household.poor
    assert str(unsayable.value) == (
        "Household.poor cannot be spoken of in SQL: it is a part of relations, or several of them. Look at "
        "the records by their class, and by the key that leads from them."
    )
