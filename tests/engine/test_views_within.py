"""Views that stand within another declaration, and have no name of their own."""

from collections.abc import Iterator
from enum import StrEnum
from uuid import UUID

import pytest

from framework import (
    Count,
    Entity,
    Field,
    Lookup,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    computed,
    entered,
    left,
    merged,
    subset,
)
from framework.app import App, opened


class Weight(StrEnum):
    LIGHT = "light"
    HEAVY = "heavy"


class Ware(Entity):
    weight: int = 0
    box_id: UUID | None = Field(default=None, foreign_key="box.id")


class Book(Ware, table=True):
    pass


class Cup(Ware, table=True):
    pass


class HeavyBook(Book, where=lambda book: book.weight > 5):
    pass


class Box(Entity, table=True):
    books: list[Book] = Relationship()
    cups: list[Cup] = Relationship()
    felt: list[Ware] = merged(
        subset(books, lambda book: book.weight > 1),
        subset(subset(cups, lambda cup: cup.weight > 2), lambda cup: cup.weight < 9),
    )

    felt_count: int = computed(Count(felt))
    heavy_count: int = computed(Count(subset(books, HeavyBook)))
    heavy_weight: int = computed(
        Sum(subset(subset(books, lambda book: book.weight < 20), HeavyBook), lambda book: book.weight)
    )
    is_felt: Weight = computed(
        StateMachine(
            Weight.LIGHT,
            Transition(Weight.LIGHT, Weight.HEAVY, when=entered(subset(books, HeavyBook))),
            Transition(Weight.HEAVY, Weight.LIGHT, when=left(subset(books, HeavyBook))),
        )
    )


class Label(Entity, table=True):
    book_id: UUID | None = Field(default=None, foreign_key="book.id")
    cup_id: UUID | None = Field(default=None, foreign_key="cup.id")
    book: Book = Relationship()
    cup: Cup = Relationship()
    ware: Ware | None = merged(subset(book, HeavyBook), subset(cup, lambda cup: cup.weight > 1))

    says: int = computed(Lookup(ware, lambda ware: ware.weight, missing=0))
    of_book: int = computed(Lookup(subset(book, HeavyBook), lambda book: book.weight, missing=0))


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Book, Cup, HeavyBook, Box, Label]], database=database_url)) as app:
        yield app
        assert app.verify() == []


def test_a_view_within_a_declaration_is_as_one_with_a_name(app: App) -> None:
    with app.transaction() as tx:
        box = tx.add(Box()).id
        books = [tx.add(Book(box_id=box, weight=weight)) for weight in (1, 2, 7, 30)]
        cups = [tx.add(Cup(box_id=box, weight=weight)) for weight in (2, 5, 9)]
        label = tx.add(Label(book_id=books[0].id, cup_id=cups[1].id)).id

    def seen() -> tuple[int, int, int, Weight]:
        now = app.get(Box, box)
        return now.felt_count, now.heavy_count, now.heavy_weight, now.is_felt

    assert seen() == (4, 2, 7, Weight.HEAVY)
    assert (app.get(Label, label).says, app.get(Label, label).of_book) == (5, 0)
    with app.transaction() as tx:
        tx.update(books[0], weight=8)
        tx.delete(cups[0])
        tx.update(books[3], weight=0)
    assert seen() == (4, 2, 15, Weight.LIGHT)
    assert (app.get(Label, label).says, app.get(Label, label).of_book) == (8, 8)
    with app.transaction() as tx:
        tx.update(books[0], box_id=None)
        tx.update(cups[1], weight=9)
    assert seen() == (2, 1, 7, Weight.LIGHT)
