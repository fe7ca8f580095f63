"""What is selected of merged records is another kind of selection after a migration."""

from contextlib import closing
from typing import Any
from uuid import UUID

import pytest

from framework import Collect, Entity, Field, First, Global, Relationship, computed, merged
from framework.app import App, opened


def declared(*, is_first: bool) -> list[Any]:
    """A shelf of books and discs, and all of them."""

    class Book(Entity, table=True):
        name: str = "book"
        shelf_id: UUID = Field(foreign_key="shelf.id")

    class Disc(Entity, table=True):
        name: str = "disc"
        shelf_id: UUID = Field(foreign_key="shelf.id")

    class Shelf(Entity, table=True):
        books: list[Book] = Relationship()
        discs: list[Disc] = Relationship()
        media: list[Any] = merged(books, discs)

        if is_first:
            shown: str | None = computed(First(media, lambda one: one.name))
        else:
            shown: list[str] = computed(Collect(media, lambda one: one.name, limit=2))  # type: ignore[no-redef]

    class Library(Global, table=True):
        media: list[Any] = merged(Book, Disc)

        if is_first:
            shown: str | None = computed(First(media, lambda one: one.name))
        else:
            shown: list[str] = computed(Collect(media, lambda one: one.name, limit=2))  # type: ignore[no-redef]

    return [Book, Disc, Shelf, Library]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_selection_of_merged_records_becomes_another(database_url: str, is_first: bool) -> None:
    book, disc, shelf, library = declared(is_first=not is_first)
    with opened(App([[book, disc, shelf, library]], database=database_url)) as app, app.transaction() as tx:
        id = tx.add(shelf()).id
        tx.add(book(shelf_id=id))
        tx.add(disc(shelf_id=id))
    book, disc, shelf, library = declared(is_first=is_first)
    with closing(App([[book, disc, shelf, library]], database=database_url)) as app:
        assert app.migrate() == []
        expected: Any = "book" if is_first else ["disc", "book"]
        assert (app.get(shelf, id).shown, app.get(library).shown) == (expected, expected)
