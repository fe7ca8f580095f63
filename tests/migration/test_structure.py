"""A table that has been altered is as one that is made today, down to what its columns begin with."""

from contextlib import closing
from pathlib import Path
from typing import Any

from framework import Collect, Entity, Global, computed, merged
from framework.app import App, opened
from tests.migration.structure import structure


def news(told: bool) -> list[Any]:
    class Post(Entity, table=True):
        title: str

    class Photo(Entity, table=True):
        title: str

    class Page(Global, table=True):
        news: list[Any] = merged(Post, Photo)
        if told:
            newest: list[str] = computed(Collect(news, lambda one: one.title, limit=2))

    return [Post, Photo, Page]


def test_a_list_over_two_classes_comes_and_begins_empty_in_the_database(
    database_url: str, tmp_path: Path
) -> None:
    fresh = f"sqlite:///{tmp_path}/fresh.db"
    with opened(App([news(True)], database=fresh)):
        pass
    with opened(App([news(False)], database=database_url)):
        pass
    with closing(App([news(True)], database=database_url)) as app:
        assert app.migrate() == []
    if database_url.startswith("sqlite"):
        assert structure(database_url) == structure(fresh)
    assert any("[]" in one for one in structure(database_url))
