"""Links, friends, takeovers and criteria know the tenant's own records alone."""

from collections.abc import Iterator

import pytest
from sqlmodel import select

from framework import tenant
from framework.app import App
from tests.engine.library import MODULE, Article, Friendship, Reader, Seat, Tag, Tagging
from tests.tenancy.conftest import REQUIRED, TENANTS


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    app = App([MODULE], database=database_url, settings=REQUIRED)
    app.create()
    for name in TENANTS:
        app.create_tenant(name)
    yield app
    app.close()


def test_what_one_tenant_does_to_its_relations_no_other_sees(app: App) -> None:
    for name in TENANTS[:2]:
        with tenant(name), app.transaction() as tx:
            article, tags = tx.add(Article()), [tx.add(Tag(name="a", weight=weight)) for weight in range(100)]
            for tag in tags:
                tx.add(Tagging(article_id=article.id, tag_id=tag.id))
            ada, bob = tx.add(Reader(books=1)), tx.add(Reader(books=2))
            tx.add(Friendship(one_id=ada.id, other_id=bob.id))
            for _ in range(2):
                tx.add(Seat(reader_id=ada.id, price=3))
    with tenant(TENANTS[0]), app.transaction() as tx:
        assert tx.update_where(Tag, Tag.weight.in_([1, 2]), weight=0) == 2  # type: ignore[union-attr]  # a column
        assert tx.delete_where(Tag, Tag.name == "a", Tag.weight >= 50) == 50  # type: ignore[operator]
        assert tx.delete_where(Reader, Reader.books == 2) == 1
    for name, tags_left, friends in ((TENANTS[0], 50, [0]), (TENANTS[1], 100, [1, 1])):
        with tenant(name):
            (article,) = app.query(select(Article))
            assert (article.count, article.weight) == (
                tags_left,
                sum(range(tags_left)) - 3 * (tags_left == 50),
            )
            assert [reader.befriended for reader in app.query(select(Reader))] == friends
            assert sum(reader.held for reader in app.query(select(Reader))) == 1
            assert [str(one) for one in app.verify()] == []
