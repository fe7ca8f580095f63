"""Operations that share a commit on SQLite: each stands or falls as it would by itself."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from framework.app import App, opened
from framework.runtime import turns
from framework.runtime.errors import AlreadyExists
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from tests.engine.shop import MODULE, Customer, Item, Order, Totals, cashier
from tests.engine.test_groups import ZERO, Act, adding, failing, names, refused, told
from tests.soak import examples


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(App([MODULE], [cashier()], f"sqlite:///{tmp_path}/test.db")) as app:
        with app.transaction() as tx:
            tx.add(Customer(id=ZERO, name="zero"))
        yield app


@pytest.fixture
def said(app: App) -> list[str]:
    """What the database is told."""
    statements: list[str] = []
    raw: sqlite3.Connection = app.engine.database.writer.raw  # type: ignore[attr-defined]  # SQLite's
    raw.set_trace_callback(statements.append)
    return statements


def counted(runs: list[str], name: str, act: Act) -> Act:
    return lambda tx: runs.append(name) or act(tx)


def refused_late(tx: Transaction) -> None:
    """It has written before the database refuses it."""
    tx.add(Order(note="ghost"))
    tx.work.flush()
    refused(tx)


def test_they_share_one_commit_and_need_no_savepoint(app: App, said: list[str]) -> None:
    wanted = [f"{n:02}" for n in range(100)]
    assert app.engine.write_each([adding(name) for name in wanted]) == wanted
    assert [one for one in said if one.startswith(("BEGIN", "COMMIT", "SAVE"))] == [
        "BEGIN IMMEDIATE",
        "COMMIT",
    ]
    assert names(app) == wanted
    assert app.verify() == []


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_that_is_refused_after_it_wrote_leaves_the_others_alone(
    app: App, heard: list[Work], position: int
) -> None:
    operations = [adding("ada"), adding("bob")]
    operations.insert(position, refused_late)
    results = app.engine.write_each(operations)
    error = results.pop(position)
    assert results == ["ada", "bob"]
    assert isinstance(error, AlreadyExists)
    assert names(app) == ["ada", "bob"]
    assert app.query(select(Order)) == []
    assert told(app, heard) == ["ada", "bob"]
    assert app.verify() == []


@pytest.mark.parametrize(("falls", "kind"), [(failing, ZeroDivisionError), (refused, AlreadyExists)])
def test_one_that_falls_and_wrote_nothing_makes_nobody_run_again(
    app: App, falls: Act, kind: type[Exception]
) -> None:
    runs: list[str] = []
    stored, error = app.engine.write_each(
        [counted(runs, "ada", adding("ada")), counted(runs, "falls", falls)]
    )
    assert (stored, type(error)) == ("ada", kind)
    assert runs == ["ada", "falls"]
    assert names(app) == ["ada"]
    assert app.verify() == []


def test_what_falls_makes_its_neighbours_run_twice_and_for_a_while_nobody(app: App, said: list[str]) -> None:
    runs: list[str] = []
    operations = [counted(runs, "ada", adding("ada")), counted(runs, "refused", refused_late)]
    app.engine.write_each(operations)
    assert runs == ["ada", "refused", "ada", "refused"]
    runs.clear()
    said.clear()
    app.engine.write_each([counted(runs, "bob", adding("bob")), counted(runs, "refused", refused_late)])
    assert runs == ["bob", "refused"]
    assert said.count("SAVEPOINT one") == 2
    assert names(app) == ["ada", "bob"]
    assert app.verify() == []


def test_when_the_while_is_over_they_run_together_again(
    app: App, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "APART", 0.0)
    app.engine.write_each([adding("ada"), refused_late])
    said.clear()
    app.engine.write_each([adding("bob"), adding("cid")])
    assert "SAVEPOINT one" not in said
    assert names(app) == ["ada", "bob", "cid"]


def test_all_may_fail(app: App, heard: list[Work]) -> None:
    results = app.engine.write_each([failing, refused_late, failing, refused_late])
    kinds = [ZeroDivisionError, AlreadyExists, ZeroDivisionError, AlreadyExists]
    assert [type(one) for one in results] == kinds
    assert (names(app), app.query(select(Order)), heard) == ([], [], [])


def test_an_interruption_stores_nothing_of_its_group(app: App) -> None:
    def interrupted(tx: Transaction) -> None:
        tx.add(Customer(name="ghost"))
        tx.work.flush()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        app.engine.write_each([adding("ada"), interrupted, adding("bob")])
    assert names(app) == []
    assert app.engine.write_each([adding("ada"), adding("bob")]) == ["ada", "bob"]


FALLS = (failing, refused, refused_late)


def buying(order: UUID, price: int) -> Act:
    """An item more, of which the database is told before the operation ends."""

    def act(tx: Transaction) -> int:
        tx.add(Item(order_id=order, price=price))
        if price % 2:
            tx.work.flush()
        return price

    return act


@examples(15, soak=400)
@given(st.lists(st.lists(st.integers(-3, 9), min_size=1, max_size=8), min_size=1, max_size=4), st.booleans())
def test_whoever_stands_is_there_and_whoever_falls_leaves_no_trace(
    groups: list[list[int]], apart: bool
) -> None:
    """Each number is a price to be paid, or else the way in which the operation falls."""
    with opened(App([MODULE], [cashier()], "sqlite://")) as app, pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "APART", 1.0 if apart else 0.0)
        with app.transaction() as tx:
            tx.add(Customer(id=ZERO, name="zero"))
            order = tx.add(Order(note="all")).id
        for group in groups:
            operations = [buying(order, n) if n >= 0 else FALLS[n] for n in group]
            results = app.engine.write_each(operations)
            assert [one if isinstance(one, int) else -1 for one in results] == [max(n, -1) for n in group]
        paid = [n for group in groups for n in group if n >= 0]
        found = app.get(Order, order)
        assert (found.count, found.total, app.get(Totals).revenue) == (len(paid), sum(paid), sum(paid))
        assert sorted(app.query(select(Item.price))) == sorted(paid)
        assert app.query(select(Order.note)) == ["all"]
        assert app.verify() == []
