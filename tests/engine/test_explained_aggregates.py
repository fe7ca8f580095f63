"""An aggregate is explained by the records that count, or that it selected, and by no others."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest

from framework import (
    Average,
    Collect,
    Count,
    Custom,
    Deadline,
    Entity,
    Field,
    First,
    Global,
    Latest,
    Max,
    Min,
    Relationship,
    Some,
    Sum,
    Unique,
    WeightedSum,
    computed,
    merged,
    subset,
)
from framework.app import App, opened
from framework.clock import ManualClock

Money = Annotated[Decimal, Field(decimal_places=2)]


class Terms(Global, table=True):
    least: int = 3


class Tagging(Entity, table=True):
    __table_args__ = (Unique("shelf_id", "tag_id"),)
    shelf_id: UUID = Field(foreign_key="shelf.id", ondelete="CASCADE")
    tag_id: UUID = Field(foreign_key="tag.id", ondelete="CASCADE")


class Tag(Entity, table=True):
    text: str
    weight: int = 1


class Thing(Entity):
    name: str
    price: Money = Decimal("0.00")
    pages: int | None = None


class Book(Thing, table=True):
    shelf_id: UUID = Field(foreign_key="shelf.id", ondelete="CASCADE")


class Film(Thing, table=True):
    shelf_id: UUID = Field(foreign_key="shelf.id", ondelete="CASCADE")


class LongBook(Book, where=lambda book: book.pages is not None and book.pages > 4):
    pass


class Shelf(Entity, table=True):
    closes_at: datetime | None = None
    books: list[Book] = Relationship()
    films: list[Film] = Relationship()
    tags: list[Tag] = Relationship(link_model=Tagging)
    long: list[LongBook] = subset(books, LongBook)
    heavy: list[Tag] = subset(tags, lambda tag: tag.weight > 1)
    things: list[Thing] = merged(books, films)

    cheap: int = computed(Count(books, lambda book: book.price < 5))
    paid: Money = computed(Sum(books, lambda book: book.price, where=lambda book: book.name != "b2"))
    mean: float | None = computed(Average(books, lambda book: book.pages))
    weighed: int = computed(WeightedSum(books, lambda book: book.pages, lambda book: 2))
    thick: int = computed(Count(books, lambda book, terms: (book.pages or 0) >= terms.least, given=Terms))
    long_count: int = computed(Count(long))
    heavy_weight: int = computed(Sum(heavy, lambda tag: tag.weight))
    light_tags: int = computed(Count(tags, lambda tag: tag.weight == 1))
    rare: bool = computed(Some(tags, lambda tag: tag.text == "t1"))
    by_pages: dict[int, int] = computed(Count(books, by=lambda book: book.pages))
    dearest: Money | None = computed(Max(things, lambda thing: thing.price))
    fewest: int | None = computed(Min(books, lambda book: book.pages))
    last: str | None = computed(Latest(things, lambda thing: thing.name, where=lambda one: one.pages is None))
    first_tag: str | None = computed(First(tags, lambda tag: tag.text, where=lambda tag: tag.weight > 1))
    names: list[str] = computed(Collect(books, lambda book: book.name, limit=2))
    kinds: int = computed(Custom(lambda shelf: len({one.pages for one in shelf.long}), reads=("long.pages",)))
    is_closed: bool = computed(Deadline(lambda shelf: shelf.closes_at, before=False, after=True))


class Everything(Global, table=True):
    books: int = computed(Count(Book))
    cheap: int = computed(Count(Book, lambda book: book.price < 5))
    dearest: Money | None = computed(Max(Book, lambda book: book.price))
    newest: str | None = computed(Latest(Book, lambda book: book.name))
    long: int = computed(Count(LongBook))
    things: int = computed(Count(Thing, lambda thing: thing.pages is None))
    pages: dict[int, int] = computed(Count(Book, by=lambda book: book.pages))
    kinds: int = computed(Custom(lambda everything, films: len(films), over=Film, reads=("Film.name",)))


MODULE = [Terms, Tagging, Tag, Book, Film, LongBook, Shelf, Everything]
PAGES = (1, 5, None, 9, 3, 5)
PRICES = ("9.50", "1.00", "2.00", "7.25", "4.99", "7.25")


@pytest.fixture
def library(database_url: str) -> Iterator[tuple[App, UUID, dict[UUID, str]]]:
    """A shelf of six books, two films and three tags beside another one; what everything on it is called."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    with opened(App([MODULE], database=database_url, clock=clock)) as app:
        with app.transaction() as tx:
            shelf, other = tx.add(Shelf(closes_at=datetime(2026, 2, 1, tzinfo=UTC))), tx.add(Shelf())
            names: dict[UUID, str] = {}
            for number, (pages, price) in enumerate(zip(PAGES, PRICES, strict=True)):
                book = tx.add(Book(shelf_id=shelf.id, name=f"b{number}", price=Decimal(price), pages=pages))
                names[book.id] = book.name
            for number, price in enumerate(("8.00", "12.00")):
                film = tx.add(Film(shelf_id=shelf.id, name=f"f{number}", price=Decimal(price)))
                names[film.id] = film.name
            for number, weight in enumerate((1, 2, 3)):
                tag = tx.add(Tag(text=f"t{number}", weight=weight))
                names[tag.id] = tag.text
                tx.add(Tagging(shelf_id=shelf.id, tag_id=tag.id))
            stray = tx.add(Book(shelf_id=other.id, name="stray", price=Decimal(1), pages=7))
            names[stray.id] = stray.name
        yield app, shelf.id, names


EXPLAINED = [
    ("cheap", "Count over 3 of 6 records of Book, by shelf_id", "b1 b2 b4"),
    ("paid", "Sum over 5 of 6 records of Book, by shelf_id", "b0 b1 b3 b4 b5"),
    ("mean", "Average over 5 of 6 records of Book, by shelf_id", "b0 b1 b3 b4 b5"),
    ("weighed", "WeightedSum over 5 of 6 records of Book, by shelf_id", "b0 b1 b3 b4 b5"),
    ("thick", "Count over 4 of 6 records of Book, by shelf_id", "b1 b3 b4 b5 Terms"),
    ("long_count", "Count over 3 records of Shelf.long, by shelf_id", "b1 b3 b5"),
    ("heavy_weight", "Sum over 2 records of Shelf.heavy, by Tagging.shelf_id", "t1 t2"),
    ("light_tags", "Count over 1 of 3 records of Tag, by Tagging.shelf_id", "t0"),
    ("rare", "Some over 3 records of Tag, by Tagging.shelf_id", "t0 t1 t2"),
    ("by_pages", "Count over 5 of 6 records of Book, by shelf_id", "b0 b1 b3 b4 b5"),
    ("dearest", "Max over 6 records of Book, by shelf_id and 2 records of Film, by shelf_id", "f1"),
    ("fewest", "Min over 5 of 6 records of Book, by shelf_id", "b0"),
    ("last", "Latest over 1 of 6 records of Book, by shelf_id and 2 records of Film, by shelf_id", "f1"),
    ("first_tag", "First over 2 of 3 records of Tag, by Tagging.shelf_id", "t1"),
    ("names", "Collect over 6 records of Book, by shelf_id", "b5 b4"),
]


def called(explained: Any, names: dict[UUID, str]) -> str:
    return " ".join(names.get(one.id, one.what) for one in explained.inputs)


def test_a_value_over_a_relation_names_who_counts(library: tuple[App, UUID, dict[UUID, str]]) -> None:
    app, shelf, names = library
    found = [(name, app.explain(Shelf, name, shelf)) for name, _, _ in EXPLAINED]
    assert [(name, one.because.removeprefix("it is the "), called(one, names)) for name, one in found] == (
        EXPLAINED
    )
    kinds = app.explain(Shelf, "kinds", shelf)
    assert (kinds.value, called(kinds, names)) == (2, "Shelf b1 b3 b5")
    assert app.verify() == []


OVER_ALL = [
    ("books", "Count over all records of Book", "b0 b1 b2 b3 b4 b5 stray"),
    ("cheap", "Count over 4 of all 7 records of Book", "b1 b2 b4 stray"),
    ("dearest", "Max over all records of Book", "b0"),
    ("newest", "Latest over all records of Book", "stray"),
    ("long", "Count over all records of LongBook", "b1 b3 b5 stray"),
    ("things", "Count over 3 of all 9 records of Book and Film", "b2 f0 f1"),
    ("pages", "Count over 6 of all 7 records of Book", "b0 b1 b3 b4 b5 stray"),
]


def test_a_total_over_all_records_names_who_counts(library: tuple[App, UUID, dict[UUID, str]]) -> None:
    app, _, names = library
    found = [(name, app.explain(Everything, name)) for name, _, _ in OVER_ALL]
    assert [(name, one.because.removeprefix("it is the "), called(one, names)) for name, one in found] == (
        OVER_ALL
    )
    kinds = app.explain(Everything, "kinds")
    assert (kinds.because, called(kinds, names)) == (
        "it is computed from all records of Film",
        "Everything f0 f1",
    )
    price = app.explain(Everything, "dearest", depth=2).inputs[0].because[0]
    assert (price.property, price.value, price.because) == (
        "price",
        Decimal("9.50"),
        "it is a fact, given from outside",
    )


def test_of_many_the_first_are_named_and_the_rest_is_counted(
    library: tuple[App, UUID, dict[UUID, str]],
) -> None:
    app, shelf, _ = library
    with app.transaction() as tx:
        tx.add_all(Book(shelf_id=shelf, name=f"x{n}", price=Decimal(n % 2 * 9)) for n in range(2100))
    cheap = app.explain(Everything, "cheap")
    assert (cheap.value, len(cheap.inputs), cheap.more) == (1054, 20, 1034)
    assert cheap.because == "it is the Count over 1054 of all 2107 records of Book"
    latest = app.explain(Everything, "newest")
    assert (latest.value, latest.inputs[0].values, latest.more) == ("x2099", {"name": "x2099"}, 0)


def test_a_deadline_says_whether_it_has_turned(library: tuple[App, UUID, dict[UUID, str]]) -> None:
    app, shelf, _ = library
    assert app.explain(Shelf, "is_closed", shelf).because == (
        "its moment, 2026-02-01T00:00:00+00:00, has not come"
    )
    with app.transaction() as tx:
        tx.update(Shelf, shelf, closes_at=None)
    assert app.explain(Shelf, "is_closed", shelf).because == "it has no moment"
    with app.transaction() as tx:
        tx.update(Shelf, shelf, closes_at=datetime(2025, 12, 31, tzinfo=UTC))
    explained = app.explain(Shelf, "is_closed", shelf)
    assert explained.because == "its moment has come"
    assert explained.inputs[0].values == {"closes_at": datetime(2025, 12, 31, tzinfo=UTC)}
