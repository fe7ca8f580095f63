"""Query policies: a caller narrows what a reader may see, and never widens it."""

from collections.abc import Iterator
from typing import Any, Optional
from uuid import UUID

import pytest
import sqlalchemy
from sqlalchemy import Column, ColumnElement, MetaData, Table, Text, exists, func, literal_column, text, union
from sqlalchemy.orm import aliased, joinedload, selectinload
from sqlmodel import col, select

from framework import Entity, Field, Reader, Relationship, policy
from framework.app import App, Settings, opened
from framework.runtime.errors import (
    ActorRequired,
    HiddenField,
    NoSuchRecord,
    NotASelect,
    StatementInText,
    UnknownTableRead,
    UnusablePolicy,
)


class Line(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    order: Optional["Order"] = Relationship()


class Customer(Entity, table=True):
    owner: str
    orders: list["Order"] = Relationship(back_populates="customer")


class Order(Entity, table=True):
    number: int
    margin: int = 0
    customer_id: UUID = Field(foreign_key="customer.id")
    customer: Customer = Relationship(back_populates="orders")


@policy(Order, hides=lambda reader: () if reader.context.get("staff") else ("margin",))
def own_orders(reader: Reader) -> ColumnElement[bool] | bool:
    if reader.context.get("staff"):
        return True
    return exists().where(col(Customer.id) == Order.customer_id, col(Customer.owner) == reader.actor)


MODULE = [Line, Customer, Order, own_orders]
Other = aliased(Order)
everything = select(Order).subquery()


def shop(app: App) -> App:
    with app.transaction() as tx:
        for owner, numbers in (("ada", (1, 2)), ("eve", (3, 4, 5))):
            id = tx.add(Customer(owner=owner)).id
            for number in numbers:
                order = tx.add(Order(number=number, margin=number * 10, customer_id=id))
                tx.add(Line(order_id=order.id))
    return app


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=database_url)) as app:
        yield shop(app)


NARROWED: dict[str, tuple[Any, list[Any]]] = {
    "a class": (select(Order).order_by(col(Order.number)), [1, 2]),
    "a column": (select(Order.number).order_by(col(Order.number)), [1, 2]),
    "a caller's own condition": (select(Order.number).where(col(Order.number) > 1), [2]),
    "a condition that is always true": (select(Order.number).where(col(Order.number) != 0, True), [1, 2]),
    "one or the other": (
        select(Order.number).where((col(Order.number) == 5) | (col(Order.number) == 1)),
        [1],
    ),
    "a count of a column": (select(func.count(col(Order.id))), [2]),
    "a count of rows": (select(func.count()).select_from(Order), [2]),
    "a maximum": (select(func.max(Order.number)), [2]),
    "an alias": (select(Other.number).order_by(col(Other.number)), [1, 2]),
    "a join": (select(Order.number).join(Customer), [1, 2]),
    "a join by a relation": (select(Customer.owner).join(Customer.orders), ["ada", "ada"]),  # type: ignore[arg-type]
    "an outer join": (
        select(Customer.owner, func.count(col(Order.id))).outerjoin(Order).group_by(Customer.owner),
        [("ada", 2), ("eve", 0)],
    ),
    "exists": (select(Customer.owner).where(exists().where(col(Order.customer_id) == Customer.id)), ["ada"]),
    "any": (select(Customer.owner).where(col(Customer.orders).any()), ["ada"]),
    "not any": (select(Customer.owner).where(~col(Customer.orders).any()), ["eve"]),
    "a table named in the condition alone": (
        select(Customer.owner).where(col(Order.customer_id) == Customer.id),
        ["ada", "ada"],
    ),
    "a subquery": (select(everything.c.number), [1, 2]),
    "in": (select(Customer.owner).where(col(Customer.id).in_(select(Order.customer_id))), ["ada"]),
    "a scalar subquery": (select(select(func.count(col(Order.id))).scalar_subquery()), [2]),
    "a common table expression": (select(select(Order.number).cte("mine").c.number), [1, 2]),
    "the table itself": (select(Order.__table__.c.number), [1, 2]),  # type: ignore[attr-defined]
    "a union": (union(select(Order.number), select(Other.number)), [1, 2]),
    "a limit": (select(Order.number).order_by(col(Order.number).desc()).limit(1), [2]),
    "a class without a policy": (select(Customer.owner), ["ada", "eve"]),
}


@pytest.mark.parametrize("written", NARROWED)
def test_a_reader_sees_their_own_however_the_statement_is_written(app: App, written: str) -> None:
    statement, expected = NARROWED[written]
    found = [getattr(one, "number", one) for one in app.query(statement, actor="ada")]
    assert sorted(map(_plain, found)) == expected
    assert app.query(select(func.count(col(Order.id)))) == [5]


def _plain(found: Any) -> Any:
    return tuple(found) if not isinstance(found, int | str) else found


def test_relations_that_are_loaded_along_are_narrowed_too(app: App) -> None:
    found = app.query(select(Customer).options(selectinload(Customer.orders)), actor="eve")  # type: ignore[arg-type]
    assert {one.owner: sorted(order.number for order in one.orders) for one in found} == {
        "ada": [],
        "eve": [3, 4, 5],
    }
    with pytest.raises(HiddenField):
        _ = next(order for one in found for order in one.orders).margin
    for load in (joinedload, selectinload):
        lines = app.query(select(Line).options(load(Line.order)), actor="eve")  # type: ignore[arg-type]
        assert sorted(line.order.number if line.order else 0 for line in lines) == [0, 0, 3, 4, 5]


def test_what_a_reader_may_not_see_is_not_there(app: App) -> None:
    own, others = (app.query(select(Order).where(Order.number == number))[0].id for number in (1, 3))
    assert app.get(Order, own, actor="ada").number == 1
    with pytest.raises(NoSuchRecord, match=f"There is no Order with the id {others}"):
        app.get(Order, others, actor="ada")
    assert app.get(Order, others).number == 3
    assert app.query(select(Order), actor="nobody") == []


def test_the_context_counts_without_an_actor(app: App) -> None:
    assert len(app.query(select(Order), context={"staff": True})) == 5
    assert app.query(select(Order), context={}) == []


def test_a_hidden_field_is_not_on_the_record_and_cannot_be_asked_about(app: App) -> None:
    found = app.query(select(Order), actor="ada")[0]
    with pytest.raises(HiddenField) as hidden:
        _ = found.margin
    assert str(hidden.value) == (
        "Order.margin is hidden from this reader by the policy own_orders. Read without it."
    )
    assert "margin" not in found.model_dump()
    asked: list[Any] = [
        select(Order.margin),
        select(Order.number).where(Order.margin > 5),
        select(Order.number).order_by(col(Order.margin)),
        select(func.max(Order.margin)),
        select(Other.margin),
        select(everything.c.margin),
        select(Customer.owner).where(exists().where(Order.margin > 5)),
    ]
    for statement in asked:
        with pytest.raises(HiddenField):
            app.query(statement, actor="ada")
    assert app.query(select(func.max(Order.margin)), context={"staff": True}) == [50]
    assert app.get(Order, found.id, context={"staff": True}).margin == found.number * 10


def test_what_is_hidden_of_one_reader_is_hidden_after_another_has_asked_the_same(app: App) -> None:
    for _ in range(2):
        assert app.query(select(Order.margin).where(Order.number == 2), context={"staff": True}) == [20]
        with pytest.raises(HiddenField):
            app.query(select(Order.margin).where(Order.number == 2), actor="ada")
        with pytest.raises(StatementInText):
            app.query(select(Order.number).where(text("1 = 1")), actor="ada")


def test_columns_of_a_subquery_that_nobody_names_are_empty_where_they_are_hidden(app: App) -> None:
    rows: list[Any] = app.query(sqlalchemy.select(everything), actor="ada")  # type: ignore[call-overload]
    assert sorted(row.number for row in rows) == [1, 2]
    assert {row.margin for row in rows} == {None}


STRANGE = Table("secret", MetaData(), Column("word", Text))


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (select(text("margin")).select_from(Order), StatementInText),
        (select(literal_column("margin")).select_from(Order), StatementInText),
        (select(Order.number).where(text('1 = 1 OR "order".margin > 0')), StatementInText),
        (select(Order).from_statement(text('SELECT * FROM "order"')), NotASelect),
        (text('SELECT * FROM "order"'), NotASelect),
        (select(STRANGE), UnknownTableRead),
        (select(Customer.owner).where(exists().where(STRANGE.c.word == Customer.owner)), UnknownTableRead),
        (select(Order.__table__.to_metadata(MetaData(), schema="main")), UnknownTableRead),  # type: ignore[attr-defined]
    ],
)
def test_what_would_go_around_a_policy_is_refused(app: App, statement: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        app.query(statement, actor="ada")


def test_where_an_actor_is_required_nobody_reads_without_one(database_url: str) -> None:
    with opened(App([MODULE], database=database_url, settings=Settings(require_actor=True))) as app:
        shop(app)
        asked: list[Any] = [
            select(Order),
            select(Order.number),
            select(Other),
            select(Customer).join(Customer.orders),  # type: ignore[arg-type]
            select(Customer).options(selectinload(Customer.orders)),  # type: ignore[arg-type]
            select(Customer.owner).where(col(Customer.orders).any()),
        ]
        for statement in asked:
            with pytest.raises(ActorRequired, match=r"Order has a query policy.*Pass `actor=...`"):
                app.query(statement)
        with pytest.raises(ActorRequired):
            app.get(Order, app.query(select(Order), actor="ada")[0].id)
        assert len(app.query(select(Customer))) == 2
        lines = app.query(select(Line).options(joinedload(Line.order)))  # type: ignore[arg-type]
        assert [line.order for line in lines] == [None] * 5


def test_all_policies_of_a_class_hold(database_url: str) -> None:
    @policy(Order)
    def small(reader: Reader) -> ColumnElement[bool]:
        return col(Order.number) < 4

    with opened(App([[*MODULE, small]], database=database_url)) as app:
        shop(app)
        assert app.query(select(Order.number), actor="eve") == [3]


@pytest.mark.parametrize("given", [None, "yes", col(Customer.owner) == "ada"])
def test_a_policy_that_gives_no_criterion_lets_nobody_see_anything(database_url: str, given: Any) -> None:
    @policy(Order)
    def broken(reader: Reader) -> Any:
        return given

    with opened(App([[Line, Customer, Order, broken]], database=database_url)) as app:
        with pytest.raises(UnusablePolicy, match="The policy broken of Order cannot be used"):
            app.query(select(Order), actor="ada")
        assert app.query(select(Order)) == []


class Small(Order, where=lambda order: order.number < 4):
    pass


class Odd(Small, where=lambda order: order.number % 2 == 1):
    pass


OtherSmall, buyer = aliased(Small), aliased(Customer)
MEMBERS: dict[str, tuple[ColumnElement[bool], list[str]]] = {
    "exists": (exists().where(col(Small.customer_id) == Customer.id), ["ada", "eve"]),
    "not exists": (~exists().where(col(Small.customer_id) == Customer.id), ["ivy"]),
    "in": (col(Customer.id).in_(select(Small.customer_id)), ["ada", "eve"]),
    "an alias": (exists().where(OtherSmall.customer_id == Customer.id, col(OtherSmall.number) > 2), ["eve"]),
    "a part of a part": (exists().where(col(Odd.customer_id) == Customer.id, col(Odd.number) > 1), ["eve"]),
    "any": (Customer.orders.any(col(Small.number) > 2), ["eve"]),  # type: ignore[attr-defined]
    "of type": (Customer.orders.of_type(Small).any(), ["ada", "eve"]),  # type: ignore[attr-defined]
    "a count": (
        select(func.count(col(Small.id))).where(Small.customer_id == Customer.id).scalar_subquery() > 1,
        ["ada"],
    ),
    "a join": (
        col(Customer.id).in_(select(buyer.id).join(Small, col(Small.customer_id) == buyer.id)),
        ["ada", "eve"],
    ),
}


@pytest.mark.parametrize("said", MEMBERS)
def test_of_a_view_a_policy_sees_the_members(database_url: str, said: str) -> None:
    criterion, expected = MEMBERS[said]

    @policy(Customer)
    def with_small_orders(reader: Reader) -> ColumnElement[bool]:
        return criterion

    declared = [Line, Customer, Order, Small, Odd, with_small_orders, own_orders]
    with opened(App([declared], database=database_url)) as app:
        with shop(app).transaction() as tx:
            tx.add(Order(number=6, customer_id=tx.add(Customer(owner="ivy")).id))
        assert sorted(app.query(select(Customer.owner), actor="nobody")) == expected


@pytest.mark.parametrize(
    ("criterion", "reason"),
    [
        (
            col(Customer.id).in_(select(buyer.id).outerjoin(Small, col(Small.customer_id) == buyer.id)),
            "in an outer join, where it would hold of records that are no members, too",
        ),
        (
            col(Customer.id).in_(select(select(Small).subquery().c.customer_id)),
            "in a subquery, or a CTE, that is read FROM, where it would hold of records that are no members",
        ),
    ],
)
def test_where_a_policy_could_not_tell_members_it_is_refused(
    database_url: str, criterion: ColumnElement[bool], reason: str
) -> None:
    @policy(Customer)
    def with_small_orders(reader: Reader) -> ColumnElement[bool]:
        return criterion

    with opened(App([[Line, Customer, Order, Small, with_small_orders]], database=database_url)) as app:
        with pytest.raises(UnusablePolicy) as refused:
            app.query(select(Customer), actor="ada")
        assert f"The criterion speaks of Small {reason}" in str(refused.value)
        assert shop(app).query(select(Small.number).order_by(col(Small.number))) == [1, 2, 3]


def test_a_policy_of_a_view_concerns_its_members_by_whatever_name_they_are_read(database_url: str) -> None:
    """Whoever is no member is seen."""

    @policy(Small)
    def own_small_ones(reader: Reader) -> ColumnElement[bool]:
        return exists().where(col(Customer.id) == Small.customer_id, col(Customer.owner) == reader.actor)

    @policy(Odd)
    def big_odd_ones(reader: Reader) -> ColumnElement[bool]:
        return col(Odd.number) > 1

    declared = [Line, Customer, Order, Small, Odd, own_small_ones, big_odd_ones]
    with opened(App([declared], database=database_url)) as app:
        shop(app)

        def seen(statement: Any, actor: str | None) -> list[Any]:
            return sorted(app.query(statement, actor=actor))

        assert seen(select(Order.number), "ada") == [2, 4, 5]
        assert seen(select(Order.number), "eve") == [3, 4, 5]
        assert seen(select(Small.number), "ada") == seen(select(OtherSmall.number), "ada") == [2]
        assert seen(select(Odd.number), "ada") == []
        assert seen(select(Odd.number), "eve") == [3]
        assert seen(select(Order.number), None) == [1, 2, 3, 4, 5]
        (dear,) = app.query(select(Small).where(col(Small.number) == 1))
        with pytest.raises(NoSuchRecord):
            app.get(Order, dear.id, actor="ada")
