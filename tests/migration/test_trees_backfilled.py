"""What goes along a tree is right at every level after a migration; a tree that is none is refused before."""

from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Any
from uuid import UUID

import pytest

from framework import Entity, Field, Formula, Lookup, Relationship, Sum, computed
from framework.app import App
from framework.errors import MillraceError
from framework.migration.backfill import Reached


def folders(is_summed: bool) -> Any:
    class Folder(Entity, table=True):
        size: int = 1
        parent_id: UUID | None = Field(default=None, foreign_key="folder.id")
        parent: "Folder" = Relationship(
            back_populates="children", sa_relationship_kwargs={"remote_side": "Folder.id"}
        )
        children: list["Folder"] = Relationship(back_populates="parent")

        if is_summed:
            below: int = computed(Sum(children, lambda folder: folder.total))
            total: int = computed(Formula(lambda folder: folder.size + folder.below))
            depth: int = computed(Lookup(parent, lambda folder: folder.depth + 1, missing=0))

    return Folder


def test_a_total_that_is_new_is_right_at_every_level(database_url: str) -> None:
    folder = folders(is_summed=False)
    ids: list[UUID] = []
    with closing(App([[folder]], database=database_url)) as app:
        app.create()
        with app.transaction() as tx:
            for _ in range(5):
                ids.append(tx.add(folder(parent_id=ids[-1] if ids else None)).id)
    folder = folders(is_summed=True)
    with closing(App([[folder]], database=database_url)) as app:
        assert app.migrate() == []
        assert [app.get(folder, id).total for id in ids] == [5, 4, 3, 2, 1]
        assert [app.get(folder, id).depth for id in ids] == [0, 1, 2, 3, 4]
        assert app.verify() == []
        with app.transaction() as tx:
            tx.update(folder, ids[4], size=10)
        assert (app.get(folder, ids[0]).total, app.verify()) == (14, [])


def test_a_climb_that_stops_anywhere_goes_on_to_its_end(tmp_path: Path) -> None:
    folder = folders(is_summed=False)
    original = tmp_path / "original.db"
    ids: list[UUID] = []
    with closing(App([[folder]], database=f"sqlite:///{original}")) as app:
        app.create()
        with app.transaction() as tx:
            for _ in range(4):
                ids.append(tx.add(folder(parent_id=ids[-1] if ids else None)).id)
    folder = folders(is_summed=True)
    batches = 0
    for stops_after in count(1):
        copy = tmp_path / f"{stops_after}.db"
        copyfile(original, copy)
        done: list[Reached] = []

        def stop(reached: Reached, done: list[Reached] = done, stops_after: int = stops_after) -> None:
            done.append(reached)
            if len(done) == stops_after:
                raise KeyboardInterrupt

        with closing(App([[folder]], database=f"sqlite:///{copy}")) as app:
            with suppress(KeyboardInterrupt):
                app.migrate(report=stop)
            if len(done) < stops_after:
                batches = len(done)
                break
            assert app.migrate() == []
            assert [app.get(folder, id).total for id in ids] == [4, 3, 2, 1], f"stopped after {stops_after}"
            assert app.verify() == []
    assert batches > 8, "it went over the steps several times"


def test_a_tree_that_is_none_is_refused_before(database_url: str) -> None:
    folder = folders(is_summed=False)
    with closing(App([[folder]], database=database_url)) as app:
        app.create()
        with app.transaction() as tx:
            one = tx.add(folder())
            other = tx.add(folder(parent_id=one.id))
            tx.add(folder(parent_id=other.id))
            tx.add(folder())
        with app.transaction() as tx:
            tx.update(one, parent_id=other.id)
    with closing(App([[folders(is_summed=True)]], database=database_url)) as app:
        with pytest.raises(MillraceError) as refused:
            app.migrate()
        said = "It goes along parent_id, and no root is above 3 rows: break these circles first"
        assert said in str(refused.value)
