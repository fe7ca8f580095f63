"""A relation of a class with itself: who has it may be one of those who are in it."""

from collections.abc import Iterator
from typing import Any, Optional
from uuid import UUID

import pytest

from framework import (
    Collect,
    Count,
    Custom,
    Entity,
    Field,
    First,
    Global,
    Latest,
    Lookup,
    Max,
    Min,
    Relationship,
    computed,
    subset,
)
from framework.app import App, opened


class Quota(Global, table=True):
    more: int = 1


class Folder(Entity, table=True):
    size: int = 0
    within_id: UUID | None = Field(default=None, foreign_key="folder.id")
    within: Optional["Folder"] = Relationship(
        back_populates="folders", sa_relationship_kwargs={"remote_side": "Folder.id"}
    )
    folders: list["Folder"] = Relationship(back_populates="within")
    small: list[Any] = subset(folders, lambda folder: folder.size < 5)

    count: int = computed(Count(folders))
    least: int | None = computed(Min(folders, lambda folder: folder.size))
    greatest: int | None = computed(Max(small, lambda folder: folder.size))
    first: int | None = computed(First(folders, lambda folder: folder.size))
    latest: int | None = computed(Latest(small, lambda folder: folder.size))
    newest: list[int] = computed(Collect(folders, lambda folder: folder.size, limit=2))
    room: int = computed(
        Lookup(within, lambda folder, quota: folder.size + quota.more, given=Quota, missing=0)
    )
    all_room: int = computed(
        Custom(
            lambda folder, quota: quota.more + sum(one.size for one in folder.folders),
            reads=("folders.size",),
            given=Quota,
        )
    )


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Quota, Folder]], database=database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


def said(app: App, id: UUID) -> tuple[Any, ...]:
    found = app.get(Folder, id)
    return found.count, found.least, found.greatest, found.first, found.latest, found.newest


def test_who_is_within_itself_is_selected_when_another_one_leaves(app: App) -> None:
    with app.transaction() as tx:
        root, other = tx.add(Folder(size=3)), tx.add(Folder(size=3))
        tx.update(root, within_id=root.id)
        tx.update(other, within_id=root.id)
    assert said(app, root.id) == (2, 3, 3, 3, 3, [3, 3])
    with app.transaction() as tx:
        tx.update(other, within_id=None)
    assert said(app, root.id) == (1, 3, 3, 3, 3, [3])
    with app.transaction() as tx:
        tx.update(root, within_id=other.id)
        tx.update(other, within_id=other.id, size=4)
    assert said(app, root.id) == (0, None, None, None, None, [])
    assert said(app, other.id) == (2, 3, 4, 3, 4, [4, 3])


def test_a_parameter_reaches_who_is_looked_at_by_another_one(app: App) -> None:
    with app.transaction() as tx:
        top = tx.add(Folder(size=1))
        middle = tx.add(Folder(size=2, within_id=top.id))
        low = tx.add(Folder(size=3, within_id=middle.id))
    with app.transaction() as tx:
        tx.update(tx.get(Quota), more=10)
        tx.add(Folder(size=5, within_id=middle.id))
    found = [app.get(Folder, one.id) for one in (top, middle, low)]
    assert [(one.room, one.all_room) for one in found] == [(0, 12), (11, 18), (12, 10)]
    with app.transaction() as tx:
        tx.update(tx.get(Quota), more=20)
        tx.update(low, within_id=top.id)
    found = [app.get(Folder, one.id) for one in (top, middle, low)]
    assert [(one.room, one.all_room) for one in found] == [(0, 25), (21, 25), (21, 20)]
