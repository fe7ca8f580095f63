"""Where numbers and texts end: an error that says so, and nothing is stored."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from framework import Count, Entity, Event, Field, Global, Relationship, Sum, computed, derive
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
