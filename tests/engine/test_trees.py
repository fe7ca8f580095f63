"""Trees: what a record has of its children, which have it of theirs, and of its parent; and no circles."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from sqlmodel import select

from framework import (
    Average,
    Count,
    Entity,
    Event,
    Every,
    Field,
    Formula,
    Global,
    Lookup,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    became,
    computed,
    derive,
    merged,
    subset,
)
from framework.app import App, Settings, opened
from framework.runtime.errors import CircularRecords, EndlessCircle
from framework.runtime.transaction import Transaction
from tests.machines import MachineOnDatabase, on_postgresql, on_sqlite
from tests.soak import examples


class Undone(Exception):
    pass


class Status(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Rates(Global, table=True):
    share: int = 1


class Entry(Entity):
    size: int = 0


class File(Entry, table=True):
    folder_id: UUID = Field(foreign_key="folder.id", ondelete="CASCADE")


class Folder(Entity, table=True):
    name: str = "x"
    done: bool = False
    parent_id: UUID | None = Field(default=None, foreign_key="folder.id", ondelete="CASCADE")
    parent: "Folder" = Relationship(
        back_populates="folders", sa_relationship_kwargs={"remote_side": "Folder.id"}
    )
    folders: list["Folder"] = Relationship(back_populates="parent")
    files: list[File] = Relationship()
    big: list["Folder"] = subset(folders, lambda folder: folder.total > 5)
    entries: list[Any] = merged(folders, files)

    own: int = computed(Sum(files, lambda file: file.size))
    below: int = computed(Sum(folders, lambda folder: folder.total))
    total: int = computed(Formula(lambda folder: folder.own + folder.below))
    in_all: int = computed(Count(folders))
    many: int = computed(Sum(folders, lambda folder: folder.many + 1))
    shared: int = computed(Sum(folders, lambda folder, r: folder.shared + r.share, given=Rates))
    heavy: int = computed(Sum(big, lambda folder: folder.heavy + 1))
    size: int = computed(Sum(entries, lambda entry: entry.size))
    mean: float | None = computed(Average(folders, lambda folder: folder.total))
    all_done: bool = computed(Every(folders, lambda folder: folder.is_done))
    is_done: bool = computed(Formula(lambda folder: folder.done and folder.all_done))
    above: str = computed(Lookup(parent, lambda folder: folder.path, missing=""))
    path: str = computed(Formula(lambda folder: f"{folder.above}/{folder.name}"))
    depth: int = computed(Lookup(parent, lambda folder: folder.depth + 1, missing=0))
    height: int = computed(Lookup(parent, lambda folder, r: folder.height + r.share, missing=0, given=Rates))
    closed_below: bool = computed(Every(folders, lambda folder: folder.status is Status.CLOSED, empty=False))
    status: Status = computed(
        StateMachine(
            Status.OPEN,
            Transition(Status.OPEN, Status.CLOSED, when=became("done", True)),
            Transition(Status.OPEN, Status.CLOSED, when=became(closed_below, True)),
        )
    )
    lock: Status = computed(
        StateMachine(
            Status.OPEN,
            Transition(Status.OPEN, Status.CLOSED, when=became("name", "secret")),
            Transition(Status.OPEN, Status.CLOSED, when=became(parent, "lock", Status.CLOSED)),
        )
    )

    told: Status = computed(
        StateMachine(Status.OPEN, Transition(Status.OPEN, Status.CLOSED, when=became("path", "/late")))
    )


class Announced(Event, table=True):
    path: str
    total: int


@derive(reads=[Folder.path, Folder.total])
def announced(folder: Folder) -> Announced:
    """What is announced is never changed."""
    return Announced(path=folder.path, total=folder.total)


DECLARED = [Announced, announced, Rates, File, Folder]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([DECLARED], database=database_url)) as app:
        yield app


def chain(app: App, length: int) -> list[UUID]:
    """Folders in each other, the root first."""
    ids: list[UUID] = []
    with app.transaction() as tx:
        for number in range(length):
            parent = ids[-1] if ids else None
            ids.append(tx.add(Folder(name=str(number), parent_id=parent)).id)
    return ids


def shown(app: App, ids: list[UUID], name: str) -> list[Any]:
    assert app.verify() == []
    return [getattr(app.get(Folder, id), name) for id in ids]


def test_a_total_goes_up_to_the_root(app: App) -> None:
    ids = chain(app, 4)
    with app.transaction() as tx:
        file = tx.add(File(folder_id=ids[3], size=7)).id
        tx.add(File(folder_id=ids[1], size=2))
    assert shown(app, ids, "total") == [9, 9, 7, 7]
    assert shown(app, ids, "size") == [9, 9, 7, 7]
    assert shown(app, ids, "many") == [3, 2, 1, 0]
    assert shown(app, ids, "mean") == [9.0, 7.0, 7.0, None]
    assert shown(app, ids, "heavy") == [3, 2, 1, 0]
    with app.transaction() as tx:
        tx.update(File, file, size=1)
    assert shown(app, ids, "total") == [3, 3, 1, 1]
    assert shown(app, ids, "heavy") == [0, 0, 0, 0]
    with app.transaction() as tx:
        tx.delete(File, file)
    assert shown(app, ids, "total") == [2, 2, 0, 0]


def test_a_branch_takes_along_what_it_has(app: App) -> None:
    one, other = chain(app, 3), chain(app, 2)
    with app.transaction() as tx:
        tx.add(File(folder_id=one[2], size=5))
    with app.transaction() as tx:
        tx.update(Folder, one[1], parent_id=other[1])
    assert shown(app, [*one, *other], "total") == [0, 5, 5, 5, 5]
    assert shown(app, one, "path") == ["/0", "/0/1/1", "/0/1/1/2"]
    assert shown(app, one, "depth") == [0, 2, 3]
    with app.transaction() as tx:
        tx.delete(Folder, other[1])
    assert shown(app, [one[0], other[0]], "total") == [0, 0]
    assert len(app.query(select(Folder))) == 2


def test_who_reads_a_tree_sees_it_when_all_of_it_is_right(app: App) -> None:
    root, leaf = chain(app, 2)
    with app.transaction() as tx:
        late = tx.add(Folder(name="late", parent_id=leaf)).id
        below = tx.add(Folder(name="below", parent_id=late)).id
        tx.add(File(folder_id=below, size=3))
    said = {(one.path, one.total) for one in app.query(select(Announced))}
    assert said == {("/0", 0), ("/0/1", 0), ("/0/1/late", 3), ("/0/1/late/below", 3)}
    assert shown(app, [late], "told") == [Status.OPEN], "it was never at the root"
    assert shown(app, [root, leaf, late, below], "mean") == [3.0, 3.0, 3.0, None]


def test_a_name_goes_down_to_the_leaves(app: App) -> None:
    ids = chain(app, 3)
    with app.transaction() as tx:
        tx.update(Folder, ids[0], name="home")
        tx.update(Folder, ids[2], name="leaf")
    assert shown(app, ids, "path") == ["/home", "/home/1", "/home/1/leaf"]


def test_all_below_is_done_and_closed(app: App) -> None:
    root, middle, leaf = chain(app, 3)
    with app.transaction() as tx:
        other = tx.add(Folder(parent_id=root)).id
        tx.update(Folder, leaf, done=True)
    assert shown(app, [root, middle, leaf, other], "status") == [
        Status.OPEN, Status.CLOSED, Status.CLOSED, Status.OPEN,
    ]  # fmt: skip
    with app.transaction() as tx:
        tx.update(Folder, other, done=True)
    assert shown(app, [root, other], "status") == [Status.CLOSED] * 2
    assert shown(app, [root, middle, leaf], "is_done") == [False, False, True]
    with app.transaction() as tx:
        for id in (root, middle):
            tx.update(Folder, id, done=True)
    assert shown(app, [root, middle, leaf], "is_done") == [True, True, True]


def test_a_state_goes_down_to_the_leaves_and_to_who_comes_below(app: App) -> None:
    root, middle, leaf = chain(app, 3)
    with app.transaction() as tx:
        tx.update(Folder, middle, name="secret")
    assert shown(app, [root, middle, leaf], "lock") == [Status.OPEN, Status.CLOSED, Status.CLOSED]
    with app.transaction() as tx:
        late = tx.add(Folder(parent_id=leaf)).id
    assert shown(app, [late], "lock") == [Status.CLOSED]


def test_a_parameter_reaches_every_level(app: App) -> None:
    ids = chain(app, 4)
    assert shown(app, ids, "shared") == [3, 2, 1, 0]
    with app.transaction() as tx:
        tx.update(tx.get(Rates), share=5)
    assert shown(app, ids, "shared") == [15, 10, 5, 0]


def test_a_parameter_reaches_also_those_at_which_a_level_has_looked(app: App) -> None:
    ids = chain(app, 2)
    with app.transaction() as tx:
        ids.append(tx.add(Folder(parent_id=ids[1])).id)  # who is above it is looked up
        tx.update(tx.get(Rates), share=5)
    assert shown(app, ids, "height") == [0, 5, 10]


def test_a_record_is_not_above_itself(app: App) -> None:
    root, middle, leaf = chain(app, 3)
    with pytest.raises(CircularRecords) as refused, app.transaction() as tx:
        tx.update(Folder, root, parent_id=leaf)
    assert str(refused.value) == (
        f"Folder {root} in Folder {leaf} in Folder {middle} in Folder {root}: a record cannot be above "
        "itself, where a property of Folder goes along parent_id. Give one of them another parent_id, or "
        "None."
    )
    with pytest.raises(CircularRecords), app.transaction() as tx:
        tx.update(Folder, middle, parent_id=middle)
    with pytest.raises(CircularRecords), app.transaction() as tx:
        one = Folder()
        other = Folder(parent_id=one.id)
        one.parent_id = other.id
        tx.add(one)
        tx.add(other)
    with app.transaction() as tx:  # the root is put into a leaf that is no longer below it
        tx.update(Folder, leaf, parent_id=None)
        tx.update(Folder, root, parent_id=leaf)
    assert shown(app, [leaf, root, middle], "depth") == [0, 1, 2]


def test_a_deep_tree_comes_and_goes(app: App) -> None:
    ids = chain(app, 60)
    with app.transaction() as tx:
        tx.add(File(folder_id=ids[-1], size=1))
    assert app.get(Folder, ids[0]).total == 1
    assert app.get(Folder, ids[-1]).depth == 59
    with app.transaction() as tx:
        tx.delete(Folder, ids[1])
    assert shown(app, ids[:1], "total") == [0]


def test_what_is_wrong_in_a_tree_is_mended_at_every_level(app: App) -> None:
    ids = chain(app, 4)
    with app.transaction() as tx:
        tx.add(File(folder_id=ids[3], size=7))
    app.engine.write(lambda tx: tx.work.connection.run("UPDATE folder SET below = 3, total = 1, depth = 8"))
    assert app.verify() != []
    app.rebuild()
    assert shown(app, ids, "total") == [7, 7, 7, 7]
    assert shown(app, ids, "depth") == [0, 1, 2, 3]


def test_what_happens_at_once_in_a_tree_loses_nothing(postgres_url: str) -> None:
    with opened(App([DECLARED], database=postgres_url)) as app:
        ids = [*chain(app, 4), *chain(app, 4)]

        def act(tx: Transaction, seed: str) -> None:
            random = Random(seed)
            one, other = random.sample(ids, 2)
            if random.randrange(3):
                tx.add(File(folder_id=one, size=random.randrange(9)))
            else:
                tx.update(Folder, one, parent_id=other)

        def work(n: int) -> None:
            for number in range(6):
                with suppress(CircularRecords):
                    app.engine.write(partial(act, seed=f"{n}:{number}"))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert app.verify() == []
        roots = [one for one in app.query(select(Folder)) if one.parent_id is None]
        assert roots, "a forest has roots"
        assert sum(one.total for one in roots) == sum(one.size for one in app.query(select(File)))


class Woods(MachineOnDatabase):
    """A forest of folders and files, in plain Python as well."""

    def __init__(self) -> None:
        super().__init__()
        self.app = App([DECLARED], database=self.url, settings=Settings(synchronous="OFF"))
        self.app.create()
        self.parents: dict[UUID, UUID | None] = {}
        self.done: dict[UUID, bool] = {}
        self.files: dict[UUID, tuple[UUID, int]] = {}

    @rule(
        steps=st.lists(
            st.tuples(st.sampled_from("ffmmszdnx"), st.integers(0, 20), st.integers(0, 20)), max_size=5
        ),
        undone=st.integers(0, 5).map(lambda n: n == 0),
    )
    def day(self, steps: list[tuple[str, int, int]], undone: bool) -> None:
        then = self.parents.copy(), self.done.copy(), self.files.copy()
        try:
            with self.app.transaction() as tx:
                for step in steps:
                    self.take(tx, *step)
                if undone:
                    raise Undone
        except Undone:
            self.parents, self.done, self.files = then
        except CircularRecords:
            assert any(self.is_round(one) for one in self.parents)
            self.parents, self.done, self.files = then
        else:
            assert not any(self.is_round(one) for one in self.parents)

    def take(self, tx: Transaction, what: str, one: int, other: int) -> None:
        folders, files = list(self.parents), list(self.files)
        folder = folders[one % len(folders)] if folders else None
        place = [*folders, None][other % (len(folders) + 1)]
        match what:
            case "f":
                id = tx.add(Folder(name=str(one), parent_id=place)).id
                self.parents[id], self.done[id] = place, False
            case "m" if folder is not None:
                tx.update(Folder, folder, parent_id=place)
                self.parents[folder] = place
            case "s" if place is not None:
                self.files[tx.add(File(folder_id=place, size=one)).id] = place, one
            case "z" if files:
                file = files[one % len(files)]
                tx.update(File, file, size=other)
                self.files[file] = self.files[file][0], other
            case "d" if folder is not None:
                self.done[folder] = bool(other % 2)
                tx.update(Folder, folder, done=self.done[folder])
            case "x" if folder is not None and other % 3 == 0:
                tx.delete(Folder, folder)
                for id in [id for id in self.parents if folder in self.way(id)]:
                    del self.parents[id], self.done[id]
                self.files = {id: file for id, file in self.files.items() if file[0] in self.parents}

    def way(self, id: UUID | None) -> list[UUID]:
        """From a folder up, as far as it is no circle."""
        found: list[UUID] = []
        while id is not None and id not in found:
            found.append(id)
            id = self.parents[id]
        return found

    def is_round(self, id: UUID) -> bool:
        return self.parents[self.way(id)[-1]] is not None

    @invariant()
    def it_is_as_in_plain_python(self) -> None:
        found = {one.id: one for one in self.app.query(select(Folder))}
        assert {id: (one.parent_id, one.done) for id, one in found.items()} == {
            id: (self.parents[id], self.done[id]) for id in self.parents
        }
        for id, one in found.items():
            below = {other for other in self.parents if id in self.way(other)}
            total = sum(size for folder, size in self.files.values() if folder in below)
            names = [found[other].name for other in self.way(id)]
            expected = (total, total, len(below) - 1, len(names) - 1, "/" + "/".join(reversed(names)))
            assert (one.total, one.size, one.many, one.depth, one.path) == expected
            assert one.is_done == all(self.done[other] for other in below)
        assert self.app.verify() == []


TestWoods = on_sqlite(Woods, examples(15, soak=500, steps=8))
TestWoodsOnPostgres = on_postgresql(Woods, examples(4, soak=100, steps=6))


class Swing(Entity, table=True):
    """It follows its parent, and does the contrary of its children."""

    pushed: bool = False
    parent_id: UUID | None = Field(default=None, foreign_key="swing.id")
    parent: "Swing" = Relationship(
        back_populates="swings", sa_relationship_kwargs={"remote_side": "Swing.id"}
    )
    swings: list["Swing"] = Relationship(back_populates="parent")

    closed: bool = computed(Every(swings, lambda swing: swing.status is Status.CLOSED, empty=False))
    status: Status = computed(
        StateMachine(
            Status.OPEN,
            Transition(Status.OPEN, Status.CLOSED, when=became("pushed", True)),
            Transition(Status.OPEN, Status.CLOSED, when=became(parent, "status", Status.CLOSED)),
            Transition(Status.CLOSED, Status.OPEN, when=became(parent, "status", Status.OPEN)),
            Transition(Status.OPEN, Status.CLOSED, when=became(closed, False)),
            Transition(Status.CLOSED, Status.OPEN, when=became(closed, True)),
        )
    )


def test_states_that_go_up_and_down_for_ever_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framework.runtime.put_off.LONGEST", 20)
    with opened(App([[Swing]])) as app:
        with app.transaction() as tx:
            top = tx.add(Swing()).id
            tx.add(Swing(parent_id=top))
        with (
            pytest.raises(EndlessCircle, match=r"^Swing along parent_id: this moves a machine"),
            app.transaction() as tx,
        ):
            tx.update(Swing, top, pushed=True)
        assert (app.get(Swing, top).status, app.verify()) == (Status.OPEN, [])
