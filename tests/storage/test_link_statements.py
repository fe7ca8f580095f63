"""Links are looked up by indexes, and one more costs what one of few did."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from framework import Average, Collect, Count, Entity, Field, Latest, Max, Relationship, Sum, Unique, computed
from framework.app import App, opened
from tests.engine.library import MODULE, Article, Follow, Friendship, Reader, Seat, Tag, Tagging
from tests.storage.test_statements import plans, scans, statements_of


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(App([MODULE], database=f"sqlite:///{tmp_path}/library.db")) as app:
        yield app


def fill(app: App, number: int) -> list[UUID]:
    """So many tags on one article, and each on one of its own."""
    with app.transaction() as tx:
        hot = tx.add(Article(pages=1)).id
        tags = [tx.add(Tag(name=str(n), weight=n)).id for n in range(number)]
        for tag in tags:
            tx.add(Tagging(article_id=hot, tag_id=tag))
            tx.add(Tagging(article_id=tx.add(Article()).id, tag_id=tag))
    return [hot, *tags]


def a_day(app: App) -> None:
    """All that can happen to links, friends, followers and seats, once or more."""
    hot, *tags = fill(app, 5)
    with app.transaction() as tx:
        readers = [tx.add(Reader(books=n)).id for n in range(4)]
        tx.add(Follow(follower_id=readers[0], followed_id=readers[1]))
        friends = [tx.add(Friendship(one_id=readers[n], other_id=readers[n + 1])).id for n in range(3)]
        seats = [tx.add(Seat(number=n)).id for n in range(2)]
        for seat in seats:
            tx.update(Seat, seat, reader_id=readers[0])
    with app.transaction() as tx:
        tx.update(Tag, tags[0], weight=9, name="z")
        tx.update(Reader, readers[1], books=7)
        tx.update(Friendship, friends[0], other_id=readers[3])
        tx.update(Seat, seats[0], number=1, reader_id=readers[0])
        tx.update(Seat, seats[1], number=0)
    with app.transaction() as tx:
        tx.update_where(Tagging, Tagging.article_id == hot, strength=9)
        tx.delete_where(Tagging, Tagging.tag_id == tags[1])
        tx.delete_where(Friendship, Friendship.one_id == readers[1])
    with app.transaction() as tx:
        tx.delete(Tag, tags[2])
        tx.delete(Article, hot)
        tx.delete(Reader, readers[0])


def test_no_statement_about_links_scans_or_sorts_a_table(app: App) -> None:
    statements = set(statements_of(app, lambda: a_day(app)))
    found = plans(app.engine.database.writer.raw, statements)
    assert len(found) > 50
    assert scans(found) == []
    assert app.verify() == []


class Glue(Entity, table=True):
    __table_args__ = (Unique("album_id", "picture_id"),)

    album_id: UUID = Field(foreign_key="album.id", ondelete="CASCADE")
    picture_id: UUID = Field(foreign_key="picture.id", ondelete="CASCADE")


class Picture(Entity, table=True):
    albums: list["Album"] = Relationship(link_model=Glue)
    size: int

    used: int = computed(Count(albums))


class Album(Entity, table=True):
    pictures: list[Picture] = Relationship(link_model=Glue)

    count: int = computed(Count(pictures))
    size: int = computed(Sum(pictures, lambda picture: picture.size))
    mean: float | None = computed(Average(pictures, lambda picture: picture.size))
    largest: int | None = computed(Max(pictures, lambda picture: picture.size))
    newest: int | None = computed(Latest(pictures, lambda picture: picture.size))
    newest_two: list[int] = computed(Collect(pictures, lambda picture: picture.size, limit=2))


def test_the_next_link_costs_what_one_of_few_did() -> None:
    with opened(App([[Glue, Picture, Album]])) as app:

        def cost_of_one_more(present: int) -> int:
            with app.transaction() as tx:
                album = tx.add(Album()).id
                for size in range(present):
                    tx.add(Glue(album_id=album, picture_id=tx.add(Picture(size=size)).id))
                picture = tx.add(Picture(size=50)).id

            def link_change_and_unlink() -> None:
                with app.transaction() as tx:
                    glue = tx.add(Glue(album_id=album, picture_id=picture))
                with app.transaction() as tx:
                    tx.update(Picture, picture, size=999)
                with app.transaction() as tx:
                    tx.delete(glue)

            return len(statements_of(app, link_change_and_unlink))

        few = cost_of_one_more(3)
        assert cost_of_one_more(200) == few < 40
        assert app.verify() == []
