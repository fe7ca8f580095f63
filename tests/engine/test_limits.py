"""Where numbers and texts end: an error that says so, and nothing is stored."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    Average,
    Count,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    Relationship,
    Sum,
    WeightedSum,
    computed,
    derive,
)
from framework.app import App, opened
from framework.runtime.errors import NotText, NumberTooLarge


class Weighed(Event, table=True):
    bag_id: UUID = Field(foreign_key="bag.id")
    grams: int
    note: str = ""
    tags: list[str] = []
    counts: dict[str, int] = {}


class Piece(Entity, table=True):
    bag_id: UUID = Field(foreign_key="bag.id")
    grams: int


class Bag(Entity, table=True):
    pieces: list[Piece] = Relationship()
    grams: int = computed(Sum(pieces, lambda piece: piece.grams))


class Scales(Global, table=True):
    grams: int = computed(Sum(Bag, lambda bag: bag.grams))
    pieces: int = computed(Count(Piece))


@derive
def piece(weighed: Weighed) -> Piece:
    return Piece(bag_id=weighed.bag_id, grams=weighed.grams)


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Weighed, Piece, Bag, piece]], database=database_url)) as app:
        yield app


def bag(app: App) -> UUID:
    with app.transaction() as tx:
        return tx.add(Bag()).id


def test_a_sum_that_outgrows_the_database_is_refused_and_stays_whole(app: App) -> None:
    id = bag(app)
    app.dispatch(Weighed(bag_id=id, grams=2**62))
    with pytest.raises(NumberTooLarge, match="beyond the 64 bits that a database keeps"):
        app.dispatch(Weighed(bag_id=id, grams=2**62))
    assert app.get(Bag, id).grams == 2**62
    assert app.verify() == []


def test_a_fact_that_is_too_large_is_refused(app: App) -> None:
    id = bag(app)
    with pytest.raises(Exception, match=r"64|less than"):
        app.dispatch(Weighed(bag_id=id, grams=2**70))
    assert app.verify() == []


@pytest.mark.parametrize(
    "facts",
    [{"note": "\ud800"}, {"tags": ["\ud800"]}, {"counts": {"\ud800": 1}}],
    ids=["text", "list", "key"],
)
def test_a_text_that_is_no_unicode_is_refused(app: App, facts: dict[str, Any]) -> None:
    id = bag(app)
    with pytest.raises(NotText, match="surrogates not allowed"):
        app.dispatch(Weighed(bag_id=id, grams=1, **facts))
    assert app.get(Bag, id).grams == 0


def test_the_character_for_what_is_no_character_is_one(app: App) -> None:
    id = bag(app)
    counts = {"\ufffd": 1}
    receipt = app.dispatch(Weighed(bag_id=id, grams=1, tags=["\ufffd"], counts=counts))
    assert app.get(Weighed, receipt.id).counts == counts


def test_a_receipt_tells_of_rows_that_only_sums_changed(app: App) -> None:
    id = bag(app)
    receipt = app.dispatch(Weighed(bag_id=id, grams=5))
    (change,) = [change for change in receipt.changes if change.model is Bag]
    assert (change.before.grams, change.after.grams) == (0, 5)


def test_totals_that_are_declared_later_count_what_was_there(database_url: str) -> None:
    with opened(App([[Weighed, Piece, Bag, piece]], database=database_url)) as app:
        app.dispatch(Weighed(bag_id=bag(app), grams=7))
    with opened(App([[Weighed, Piece, Bag, Scales, piece]], database=database_url)) as app:
        assert (app.get(Scales).grams, app.get(Scales).pieces) == (7, 1)
        assert app.verify() == []


LEAST, MOST = -(2**63), 2**63 - 1


class Debt(Entity, table=True):
    bank_id: UUID | None = Field(default=None, foreign_key="bank.id")
    cents: int
    times: int = 1
    money: Annotated[Decimal, Field(decimal_places=2)] = Decimal(0)


class Bank(Entity, table=True):
    name: str = ""
    debts: list[Debt] = Relationship()

    cents: int = computed(Sum(debts, lambda debt: debt.cents))
    mean: float | None = computed(Average(debts, lambda debt: debt.cents))
    weighed: int = computed(WeightedSum(debts, lambda debt: debt.times, lambda debt: debt.times))
    money: Annotated[Decimal, Field(decimal_places=2)] = computed(Sum(debts, lambda debt: debt.money))


class Rich(Entity, table=True):
    cents: int

    twice: int = computed(Formula(lambda rich: rich.cents * 2))


class Books(Global, table=True):
    """Its sum is read, so that the database gives the row back."""

    cents: int = computed(Sum(Debt, lambda debt: debt.cents))
    is_red: bool = computed(Formula(lambda books: books.cents < 0))


@pytest.fixture
def banks(database_url: str) -> Iterator[App]:
    with opened(App([[Debt, Bank, Rich, Books]], database=database_url)) as app:
        yield app
        assert app.verify() == []


def owed(app: App, cents: int, **facts: Any) -> tuple[UUID, UUID]:
    """A bank, and what is owed to it."""
    with app.transaction() as tx:
        bank = tx.add(Bank()).id
        return bank, tx.add(Debt(bank_id=bank, cents=cents, **facts)).id


def test_the_least_number_is_given_back(banks: App) -> None:
    bank, debt = owed(banks, LEAST)
    assert (banks.get(Bank, bank).cents, banks.get(Books).cents, banks.get(Books).is_red) == (
        LEAST,
        LEAST,
        True,
    )
    with banks.transaction() as tx:
        tx.delete(Debt, debt)
    assert (banks.get(Bank, bank).cents, banks.get(Books).cents, banks.get(Books).is_red) == (0, 0, False)


def test_the_least_number_becomes_the_greatest_and_moves(banks: App) -> None:
    bank, debt = owed(banks, LEAST)
    with banks.transaction() as tx:
        tx.update(Debt, debt, cents=MOST)
    assert (banks.get(Bank, bank).cents, banks.get(Books).cents) == (MOST, MOST)
    with banks.transaction() as tx:
        tx.update(Debt, debt, cents=LEAST)
        other = tx.add(Bank(name="new")).id
        tx.update(Debt, debt, bank_id=other)
    assert [banks.get(Bank, one).cents for one in (bank, other)] == [0, LEAST]
    assert banks.get(Books).cents == LEAST


def test_differences_of_one_transaction_are_one(banks: App) -> None:
    bank, debt = owed(banks, MOST)
    with banks.transaction() as tx:
        tx.add(Debt(bank_id=bank, cents=MOST))
        tx.update(Debt, debt, cents=LEAST)
    assert banks.get(Bank, bank).cents == -1


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"cents": 1}, r"Bank\.cents or Bank\.mean|Books\.cents"),
        ({"cents": 0, "times": 2**32}, r"Bank\.weighed"),
        ({"cents": 0, "money": Decimal("1e15")}, r"Bank\.money"),
    ],
)
def test_what_outgrows_64_bits_is_refused_with_its_name_and_nothing_is_lost(
    banks: App, facts: dict[str, Any], field: str
) -> None:
    full: dict[str, Any] = {"cents": MOST, "times": 2**31, "money": Decimal("9e15")}
    bank, _ = owed(banks, **full)
    before = banks.get(Bank, bank)
    many = [facts] * (93 if "money" in facts else 1)
    with pytest.raises(NumberTooLarge, match=rf"beyond the 64 bits that a database keeps: ({field})"):
        with banks.transaction() as tx:
            for one in many:
                tx.add(Debt(bank_id=bank, **one))
    assert banks.get(Bank, bank).model_dump() == before.model_dump()


def test_a_formula_that_outgrows_64_bits_is_named(banks: App) -> None:
    with pytest.raises(NumberTooLarge, match=rf"Rich\.twice of .* would be {2**64 - 2}"):
        with banks.transaction() as tx:
            tx.add(Rich(cents=MOST))
    assert banks.query(select(Rich)) == []
