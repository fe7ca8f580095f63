"""Many to many through a link model: what is computed over the far ends follows links and far ends alike."""

from collections.abc import Iterator
from enum import StrEnum
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    Entity,
    Field,
    Relationship,
    StateMachine,
    Transition,
    Unique,
    became,
    changed,
    computed,
)
from framework.app import App, opened
from framework.model.record import RelationWritten
from framework.runtime.errors import AlreadyExists, MissingReference
from tests.engine.library import MODULE, Article, Care, Follow, Note, Reader, Shelf, Tag, Tagging


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


@pytest.fixture
def tags(app: App) -> list[UUID]:
    with app.transaction() as tx:
        return [
            tx.add(Tag(name=name, weight=weight)).id for name, weight in (("a", 1), ("b", 5), ("c", None))
        ]


@pytest.fixture
def articles(app: App, tags: list[UUID]) -> list[UUID]:
    """One article with all tags, one with the second of them."""
    with app.transaction() as tx:
        one, other = (tx.add(Article(pages=pages)).id for pages in (10, 20))
        for tag in tags:
            tx.add(Tagging(article_id=one, tag_id=tag))
        tx.add(Tagging(article_id=other, tag_id=tags[1]))
    return [one, other]


def linked(app: App, article: UUID, tag: UUID) -> UUID:
    (found,) = app.query(select(Tagging).where(Tagging.article_id == article, Tagging.tag_id == tag))
    return found.id


def test_each_computation_sees_the_records_at_the_far_ends(app: App, articles: list[UUID]) -> None:
    article = app.get(Article, articles[0])
    assert (article.count, article.named, article.weight, article.mean) == (3, 3, 6, 3.0)
    assert (article.worth, article.every, article.some) == (6, False, True)
    assert (article.least, article.greatest, article.oldest, article.newest) == (1, 1, "a", "c")
    assert (article.names, article.label, article.stepped) == (["c", "b"], "a+b+c", 6)


def test_a_change_at_the_far_end_reaches_every_article(
    app: App, articles: list[UUID], tags: list[UUID]
) -> None:
    with app.transaction() as tx:
        tx.update(Tag, tags[1], weight=7, name="d")
    both = [app.get(Article, id) for id in articles]
    assert [article.weight for article in both] == [8, 7]
    assert [article.greatest for article in both] == [7, 7]
    assert [article.label for article in both] == ["a+c+d", "d"]
    assert [article.stepped for article in both] == [8, 7]
    assert [article.shelf for article in both] == [Shelf.RENAMED, Shelf.RENAMED]


def test_unlinking_takes_away_what_the_link_brought(app: App, articles: list[UUID], tags: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.delete(Tagging, linked(app, articles[0], tags[1]))
    article = app.get(Article, articles[0])
    assert (article.count, article.weight, article.some, article.label) == (2, 1, False, "a+c")
    assert article.shelf is Shelf.STRIPPED
    assert app.get(Article, articles[1]).count == 1


def test_unlinking_and_changing_the_far_end_in_one_transaction(
    app: App, articles: list[UUID], tags: list[UUID]
) -> None:
    link = linked(app, articles[0], tags[1])
    with app.transaction() as tx:
        tx.update(Tag, tags[1], weight=100)
        tx.delete(Tagging, link)
    assert [app.get(Article, id).weight for id in articles] == [1, 100]
    assert [app.get(Article, id).stepped for id in articles] == [1, 100]


def test_a_link_that_moves_counts_where_it_is(app: App, articles: list[UUID], tags: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.update(Tagging, linked(app, articles[0], tags[0]), article_id=articles[1])
    assert [app.get(Article, id).weight for id in articles] == [5, 6]
    assert [app.get(Tag, id).pages for id in tags] == [20, 30, 10]
    assert app.get(Article, articles[0]).shelf is Shelf.TAGGED  # a move is neither linked nor unlinked


def test_a_link_that_points_elsewhere_counts_what_it_points_at(
    app: App, articles: list[UUID], tags: list[UUID]
) -> None:
    with app.transaction() as tx:
        tx.update(Tagging, linked(app, articles[1], tags[1]), tag_id=tags[0])
    article = app.get(Article, articles[1])
    assert (article.weight, article.newest, article.names, article.label) == (1, "a", ["a"], "a")
    assert article.shelf is Shelf.TAGGED


def test_a_tag_that_goes_is_unlinked_everywhere(app: App, articles: list[UUID], tags: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.delete(Tag, tags[1])
    both = [app.get(Article, id) for id in articles]
    assert [(article.count, article.weight, article.mean) for article in both] == [(2, 1, 1.0), (0, 0, None)]
    assert [article.every for article in both] == [False, True]
    assert [article.shelf for article in both] == [Shelf.STRIPPED, Shelf.STRIPPED]
    assert both[1].strength == 1  # the link is still there: it is let go, not deleted


def test_an_article_that_goes_takes_its_links_along(app: App, articles: list[UUID], tags: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.delete(Article, articles[0])
    assert [app.get(Tag, id).used for id in tags] == [0, 1, 0]
    assert len(app.query(select(Tagging))) == 1


def test_both_ends_are_computed_from_each_other(app: App, articles: list[UUID], tags: list[UUID]) -> None:
    assert [app.get(Tag, id).heaviest for id in tags] == [6, 6, 6]
    with app.transaction() as tx:
        tx.update(Tag, tags[2], weight=4)
    assert [app.get(Tag, id).heaviest for id in tags] == [10, 10, 10]


def test_newest_is_who_was_linked_last(app: App, articles: list[UUID], tags: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.delete(Tagging, linked(app, articles[0], tags[0]))
        tx.add(Tagging(article_id=articles[0], tag_id=tags[0]))
    article = app.get(Article, articles[0])
    assert (article.oldest, article.newest, article.names) == ("b", "a", ["a", "c"])


def test_a_link_has_facts_and_computations_of_its_own(
    app: App, articles: list[UUID], tags: list[UUID]
) -> None:
    link = linked(app, articles[0], tags[0])
    with app.transaction() as tx:
        tx.update(Tagging, link, strength=4)
        tx.add(Note(tagging_id=link, text="x"))
    assert app.get(Tagging, link).care is Care.NOTED
    assert (app.get(Article, articles[0]).strength, app.get(Article, articles[0]).noted) == (6, 1)


def test_a_link_is_the_source_of_rules(app: App, articles: list[UUID], tags: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.update(Tagging, linked(app, articles[0], tags[0]), strength=9)
    assert [note.text for note in app.query(select(Note))] == ["strong"]
    assert app.get(Article, articles[0]).noted == 1


def test_the_same_two_are_linked_once(app: App, articles: list[UUID], tags: list[UUID]) -> None:
    with pytest.raises(AlreadyExists, match="Tagging with article_id, tag_id = "), app.transaction() as tx:
        tx.add(Tagging(article_id=articles[1], tag_id=tags[1]))


def test_a_link_to_nobody_is_refused(app: App, articles: list[UUID]) -> None:
    with pytest.raises(MissingReference, match=r"Tagging\.tag_id refers to Tag .*which does not exist"):
        with app.transaction() as tx:
            tx.add(Tagging(article_id=articles[0], tag_id=UUID(int=7)))


def test_a_relation_cannot_be_written(tags: list[UUID]) -> None:
    with pytest.raises(RelationWritten, match=r"Article\.tags is a relation"):
        Article(tags=[])


def test_queries_go_through_the_link(app: App, articles: list[UUID]) -> None:
    found = app.query(select(Article).where(Article.tags.any(Tag.name == "a")))  # type: ignore[attr-defined]
    assert [article.id for article in found] == [articles[0]]


def test_a_total_is_explained_by_the_far_ends(app: App, articles: list[UUID]) -> None:
    explained = app.explain(Article, "weight", articles[0])
    assert explained.because == "it is the Sum over 2 of 3 records of Tag, by Tagging.article_id"
    assert sorted((one.values for one in explained.inputs), key=repr) == [
        {"weight": 1},
        {"weight": 5},
    ]


def test_the_picture_shows_no_column_that_users_do_not_see(app: App) -> None:
    lines = app.graph().splitlines()
    assert "    Tagging.exists --> Article.weight" in lines
    assert not any("_article_weight" in line for line in lines)


class Mark(Entity, table=True):
    __table_args__ = (Unique("sheet_id", "stamp_id"),)

    sheet_id: UUID = Field(foreign_key="sheet.id", ondelete="CASCADE")
    stamp_id: UUID = Field(foreign_key="stamp.id", ondelete="CASCADE")


class Stamp(Entity, table=True):
    color: str = "none"


class Ink(StrEnum):
    DRY = "dry"
    RED = "red"
    BLUE = "blue"
    MIXED = "mixed"


class Sheet(Entity, table=True):
    stamps: list[Stamp] = Relationship(link_model=Mark)

    ink: Ink = computed(
        StateMachine(
            Ink.DRY,
            Transition(Ink.DRY, Ink.RED, when=became(stamps, "color", "red")),
            Transition(Ink.DRY, Ink.BLUE, when=became(stamps, "color", "blue")),
            Transition(Ink.RED, Ink.MIXED, when=changed(stamps, "color")),
            Transition(Ink.BLUE, Ink.MIXED, when=changed(stamps, "color")),
        )
    )


def test_several_triggers_wait_for_one_field_at_the_far_end(database_url: str) -> None:
    with opened(App([[Mark, Stamp, Sheet]], database=database_url)) as app:
        with app.transaction() as tx:
            red, plain = tx.add(Stamp(color="red")).id, tx.add(Stamp()).id
            sheets = [tx.add(Sheet()).id for _ in range(2)]
            tx.add(Mark(sheet_id=sheets[0], stamp_id=red))  # who is linked when red has become red here
            tx.add(Mark(sheet_id=sheets[1], stamp_id=plain))
        assert [app.get(Sheet, id).ink for id in sheets] == [Ink.RED, Ink.DRY]
        for color in ("green", "blue"):
            with app.transaction() as tx:
                tx.update(Stamp, plain, color=color)
        assert app.get(Sheet, sheets[1]).ink is Ink.BLUE
        with app.transaction() as tx:
            tx.update(Stamp, red, color="pink")
        assert [app.get(Sheet, id).ink for id in sheets] == [Ink.MIXED, Ink.BLUE]
        assert [str(one) for one in app.verify()] == []


def test_those_who_follow_are_not_those_who_are_followed(app: App) -> None:
    with app.transaction() as tx:
        ada, bob, eve = (tx.add(Reader(books=books)).id for books in (1, 10, 100))
        tx.add(Follow(follower_id=ada, followed_id=bob))
        tx.add(Follow(follower_id=eve, followed_id=bob))
        tx.add(Follow(follower_id=bob, followed_id=eve))
    readers = [app.get(Reader, id) for id in (ada, bob, eve)]
    assert [(reader.follows, reader.followed) for reader in readers] == [(1, 0), (1, 2), (1, 1)]
    assert [(reader.books_above, reader.books_below) for reader in readers] == [(10, 0), (100, 101), (10, 10)]
    assert [reader.reach for reader in readers] == [0, 1, 2]
    with app.transaction() as tx:
        tx.delete(Reader, eve)
    assert [(app.get(Reader, id).follows, app.get(Reader, id).followed) for id in (ada, bob)] == [
        (1, 0),
        (0, 1),
    ]
    assert app.get(Reader, bob).books_below == 1
