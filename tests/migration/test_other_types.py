"""A fact of another type: each value is what it was, on every database, or it is in the way."""

from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Count, Entity, Field, Formula, Global, Max, Min, Payload, Relationship, Sum, computed
from framework.app import App, opened
from framework.migration.errors import FactsWouldBeLost
from framework.storage.errors import SchemaDiffers
from tests.migration.test_migration import made, rows, said, user


@pytest.mark.parametrize(
    ("then", "values", "now", "expected"),
    [
        (str, ["40", " 7 ", "+5", "-0", "007", f"{2**63 - 1}"], int, [40, 7, 5, 0, 7, 2**63 - 1]),
        (float, [2.0, -0.0, 1e18], int, [2, 0, 10**18]),
        (bool, [True, False], int, [1, 0]),
        (int, [5, -(2**63)], str, ["5", f"{-(2**63)}"]),
        (int, [5, 2**53], float, [5.0, 2.0**53]),
    ],
)
def test_values_that_fit_become_what_they_say(
    database_url: str, then: type, values: list[Any], now: type, expected: list[Any]
) -> None:
    made(database_url, user(age=then), *({"age": value} for value in values))
    new = user(age=now)
    app = App([new], database=database_url)
    assert app.migrate() == []
    app.close()
    found = [one.age for one in rows(database_url, new)]
    assert found == expected
    assert {type(one) for one in found} == {now}


@pytest.mark.parametrize(
    ("then", "values", "now"),
    [
        (str, ["", "1e3", "12.0", "1_000", "\u0663", "0x10", "nan", "1 2", f"{2**63}", "9" * 5000], int),
        (float, [2.5, 2.0000000000000004, 1e19], int),
        (int, [2**53 + 1, -(2**60)], float),
    ],
)
def test_values_that_do_not_fit_are_counted(
    database_url: str, then: type, values: list[Any], now: type
) -> None:
    made(database_url, user(age=then), *({"age": value} for value in values))
    (line,) = said(database_url, user(age=now))
    assert f"It does not fit in {len(values)} rows" in line


TENTHS, CENTS = (Annotated[Decimal, Field(decimal_places=places)] for places in (1, 2))


@pytest.mark.parametrize(
    ("then", "value", "now", "line"),
    [
        (CENTS, Decimal("1.50"), TENTHS, "Decimal(2) is not turned into Decimal(1)"),
        (TENTHS, Decimal("1.5"), CENTS | None, "Decimal(1) is not turned into Decimal(2) | None"),
        (int, 5, CENTS, "int is not turned into Decimal(2)"),
        (CENTS, Decimal("1.50"), int, "Decimal(2) is not turned into int"),
        (float, 5.0, CENTS, "float is not turned into Decimal(2)"),
        (CENTS, Decimal("1.50"), str, "Decimal(2) is not turned into str"),
        (int, 3, timedelta, "int is not turned into timedelta"),
        (timedelta, timedelta(seconds=3), float, "timedelta is not turned into float"),
    ],
)
def test_what_is_kept_in_units_never_becomes_another_number(
    database_url: str, then: Any, value: Any, now: Any, line: str
) -> None:
    made(database_url, user(price=then))
    with closing(App([user(price=then)], database=database_url)) as app:
        assert app.migration().is_empty
    made(database_url, user(price=then), {"price": value})
    assert said(database_url, user(price=now))[0].endswith(f"{line}: declare a new fact beside it")
    with closing(App([user(price=now)], database=database_url)) as app, pytest.raises(SchemaDiffers):
        app.create()


def test_without_records_a_decimal_may_have_other_places(database_url: str) -> None:
    made(database_url, user(price=CENTS))
    new = user(price=TENTHS)
    with closing(App([new], database=database_url)) as app:
        assert app.migrate() == []
        with app.transaction() as tx:
            tx.add(new[0](price=Decimal("2.5")))
        assert app.query(select(new[0].price)) == [Decimal("2.5")]
        assert app.migration().is_empty


def priced(kind: Any) -> list[Any]:
    class Line(Entity, table=True):
        bill_id: UUID = Field(foreign_key="bill.id")
        cents: int

    class Bill(Entity, table=True):
        lines: list[Line] = Relationship()
        total: kind = computed(Sum(lines, lambda line: Decimal(line.cents) / 10))
        most: kind | None = computed(Max(lines, lambda line: Decimal(line.cents) / 10))
        twice: kind = computed(Formula(lambda bill: bill.total * 2))

    return [Line, Bill]


def test_a_computed_decimal_of_other_places_is_computed_anew(database_url: str) -> None:
    line, bill = before = priced(TENTHS)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        one = tx.add(bill())
        for cents in (12, 7):
            tx.add(line(bill_id=one.id, cents=cents))
    line, bill = after = priced(CENTS)
    with closing(App([after], database=database_url)) as app:
        assert app.migrate() == []
        found = app.get(bill, one.id)
        assert (str(found.total), str(found.most), str(found.twice)) == ("1.90", "1.20", "3.80")
        with app.transaction() as tx:
            tx.add(line(bill_id=one.id, cents=30))
        assert (app.get(bill, one.id).total, app.get(bill, one.id).most) == (Decimal("4.90"), Decimal(3))
        assert app.verify() == []


def test_a_fact_that_is_computed_now_is_a_loss(database_url: str) -> None:
    made(database_url, user(age=int), {"age": 7}, {"age": 8})
    new = user(age=(int, computed(Formula(lambda user: 1))))
    with closing(App([new], database=database_url)) as app:
        plan = app.migration()
        assert [(str(one), one.lost) for one in plan.losses] == [
            ("User.age: was a fact, and 2 values of it go", 2)
        ]
        with pytest.raises(FactsWouldBeLost):
            app.migrate(plan)
        assert app.migrate(plan, allow_loss=True) == []
        assert app.query(select(new[0].age)) == [1, 1]


def test_a_payload_of_another_form_is_said_by_its_name(database_url: str) -> None:
    before, now = (type(Payload)("Size", (Payload,), {"__annotations__": {"wide": of}}) for of in (int, str))
    made(database_url, user(size=before), {"size": before(wide=3)})
    (line,) = said(database_url, user(size=now))
    remedy = "It does not fit in 1 row: change them first, with the App that made them"
    assert line == f"User.size: is another Size. {remedy}"


def orders(counted: bool) -> list[Any]:
    class Line(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    class Order(Entity, table=True):
        lines: list[Line] = Relationship()
        number: int | None = None

        if counted:
            said: int = computed(Count(lines))
        else:
            said: int | None = computed(Formula(lambda order: order.number))  # type: ignore[no-redef]

    return [Line, Order]


def test_a_property_that_may_be_nothing_becomes_a_count(database_url: str) -> None:
    line, order = before = orders(False)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        id = tx.add(order()).id
        tx.add(line(order_id=id))
    for counted, expected in ((True, 1), (False, None)):
        *_, order = now = orders(counted)
        with closing(App([now], database=database_url)) as app:
            assert app.migrate() == []
            assert app.get(order, id).said == expected


def things(counted: bool) -> list[Any]:
    class Thing(Entity):
        cents: int = 0

    class Book(Thing, table=True):
        pass

    class Disc(Thing, table=True):
        pass

    class Totals(Global, table=True):
        if counted:
            said: int = computed(Count(Thing))
        else:
            said: int | None = computed(Min(Thing, lambda thing: thing.cents))  # type: ignore[no-redef]

    return [Book, Disc, Totals]


def test_what_is_selected_in_parts_is_counted_in_parts(database_url: str) -> None:
    book, *_ = before = things(False)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        tx.add(book(cents=7))
    for counted, expected in ((True, 1), (False, 7)):
        *_, totals = now = things(counted)
        with closing(App([now], database=database_url)) as app:
            assert app.migrate() == []
            assert app.get(totals).said == expected
