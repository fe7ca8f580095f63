"""Operations that share a commit on PostgreSQL: each stands or falls as it would by itself."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlmodel import select

from framework.app import App, opened
from framework.runtime import tries
from framework.runtime.errors import AlreadyExists
from framework.runtime.transaction import Transaction
from framework.runtime.tries import GROUP
from framework.runtime.work import Work
from framework.storage.errors import CommitUnknown, TransactionInterrupted
from framework.storage.wire import Wire
from tests.engine.shop import MODULE, Customer, Item, Order, Totals, cashier
from tests.engine.test_concurrency import beside, terminate

Act = Callable[[Transaction], Any]
ZERO = UUID(int=0)


@pytest.fixture
def app(postgres_url: str) -> Iterator[App]:
    with opened(App([MODULE], [cashier()], postgres_url)) as app:
        with app.transaction() as tx:
            tx.add(Customer(id=ZERO, name="zero"))
        yield app


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the server is told: every statement, and every trip."""
    statements: list[str] = []
    put, trip = Wire.put, Wire._trip

    def noted(wire: Wire, sql: str, *more: Any) -> None:
        statements.append(sql)
        put(wire, sql, *more)

    def counted(wire: Wire, ends: Any) -> Any:
        if wire._together and ends is not None:
            statements.append("COMMIT")  # so it is not said
        statements.append("trip")
        return trip(wire, ends)

    monkeypatch.setattr(Wire, "put", noted)
    monkeypatch.setattr(Wire, "_trip", counted)
    return statements


def adding(name: str) -> Act:
    return lambda tx: tx.add(Customer(name=name)).name


def renaming(customer: UUID, name: str) -> Act:
    return lambda tx: tx.update(Customer, customer, name=name)


def refused(tx: Transaction) -> None:
    """The server finds out that it is wrong, when it is told at the end."""
    tx.add(Customer(id=ZERO, name="ghost"))


def failing(tx: Transaction) -> None:
    """It finds out for itself, before it wrote anything."""
    raise ZeroDivisionError


def names(app: App) -> list[str]:
    return sorted(app.query(select(Customer.name).where(Customer.id != ZERO)))


def told(app: App, heard: list[Work]) -> list[str]:
    """The customers of whom the listeners were told."""
    customers = app.plan.named("Customer")
    return [change.after_row["name"] for work in heard for change in work.rows[customers].values()]


def customers(app: App, *names: str) -> list[UUID]:
    with app.transaction() as tx:
        return [tx.add(Customer(name=name)).id for name in names]


def test_as_many_as_a_group_holds_share_a_commit(app: App, said: list[str]) -> None:
    wanted = [f"{n:02}" for n in range(2 * GROUP + 3)]
    assert app.engine.write_each([adding(name) for name in wanted]) == wanted
    assert said.count("COMMIT") == 3
    assert names(app) == wanted
    assert app.verify() == []


def test_one_by_itself_and_the_last_of_a_group_make_no_trip_more(app: App, said: list[str]) -> None:
    app.engine.write(adding("ada"))
    alone = said.copy()
    said.clear()
    app.engine.write_each([adding("bob")])
    assert said == alone
    said.clear()
    app.engine.write_each([adding("cid"), adding("dan"), adding("eve")])
    assert said.count("trip") == 3 * alone.count("trip")


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_that_the_server_refuses_leaves_the_others_alone(
    app: App, heard: list[Work], position: int
) -> None:
    operations = [adding("ada"), adding("bob")]
    operations.insert(position, refused)
    results = app.engine.write_each(operations)
    error = results.pop(position)
    assert results == ["ada", "bob"]
    assert isinstance(error, AlreadyExists)
    assert f"Customer with id = '{ZERO}'" in str(error)
    assert names(app) == ["ada", "bob"]
    assert told(app, heard) == ["ada", "bob"]
    assert app.verify() == []


def test_all_may_fail(app: App, heard: list[Work]) -> None:
    results = app.engine.write_each([failing, refused, failing, refused])
    kinds = [ZeroDivisionError, AlreadyExists, ZeroDivisionError, AlreadyExists]
    assert [type(one) for one in results] == kinds
    assert (names(app), heard) == ([], [])


def test_what_fails_is_run_twice_at_most_and_its_neighbours_too(app: App) -> None:
    runs: list[str] = []

    def counted(name: str, act: Act) -> Act:
        return lambda tx: runs.append(name) or act(tx)

    failed = app.engine.write_each([counted("refused", refused)] * GROUP)
    assert [type(one) for one in failed] == [AlreadyExists] * GROUP
    assert len(runs) == GROUP + 1  # the last was refused in the commit
    runs.clear()
    well = [counted("well", adding("ada"))] * 7
    *stored, last = app.engine.write_each([*well, counted("refused", refused)])
    assert (stored, type(last)) == (["ada"] * 7, AlreadyExists)
    assert (runs.count("well"), runs.count("refused")) == (14, 2)


def test_one_of_more_statements_than_wait_together_fails_in_their_midst(app: App) -> None:
    def many(tx: Transaction) -> None:
        tx.add(Customer(name="ghost"))
        tx.work.untold.tell()
        for number in range(2500):
            tx.work.connection.tell("SELECT 1 / ($1::INT - 1200)", [number])

    ada, refused, bob = app.engine.write_each([adding("ada"), many, adding("bob")])
    assert (ada, bob) == ("ada", "bob")
    assert "division by zero" in str(refused)
    assert names(app) == ["ada", "bob"]


def test_a_group_that_has_locked_something_waits_for_no_lock_for_long(app: App) -> None:
    def patience(tx: Transaction) -> str:
        return str(tx.work.connection.row("SHOW lock_timeout")[0])

    alone = app.engine.write(patience)
    assert app.engine.write_each([patience, patience, patience]) == [alone, "50ms", "50ms"]
    assert app.engine.write(patience) == alone != "50ms"


@pytest.mark.parametrize(("apart", "commits"), [(60.0, 3), (0.0, 1)])
def test_after_one_had_to_wait_for_another_each_has_a_commit_for_a_while(
    app: App, said: list[str], monkeypatch: pytest.MonkeyPatch, apart: float, commits: int
) -> None:
    monkeypatch.setattr(tries, "APART", apart)
    runs: list[str] = []

    def meeting(tx: Transaction) -> str:
        runs.append("run")
        if len(runs) == 1:
            raise TransactionInterrupted(reason="a lock")
        return str(tx.add(Customer(name="bob")).name)

    assert app.engine.write_each([adding("ada"), meeting, adding("cid")]) == ["ada", "bob", "cid"]
    said.clear()
    assert app.engine.write_each([adding("dan"), adding("eve"), adding("fay")]) == ["dan", "eve", "fay"]
    assert said.count("COMMIT") == commits
    assert names(app) == ["ada", "bob", "cid", "dan", "eve", "fay"]


def test_groups_that_want_the_same_rows_in_opposite_orders_both_get_them(app: App) -> None:
    ids = customers(app, "one", "other")
    met = threading.Barrier(2)
    runs: list[int] = []

    def work(n: int) -> list[Any]:
        def first(tx: Transaction) -> None:
            tx.update(Customer, ids[n], name=f"{n} first")
            met.wait()

        def second(tx: Transaction) -> str:
            runs.append(n)
            tx.update(Customer, ids[1 - n], name=f"{n} second")
            return "stored"

        return app.engine.write_each([first, second, adding(f"{n} third")])

    assert beside(work, 2) == [[None, "stored", "0 third"], [None, "stored", "1 third"]]
    assert len(runs) > 2  # one at least gave way
    assert names(app) == ["0 second", "0 third", "1 second", "1 third"]


def test_many_groups_on_the_same_hot_rows_lose_nothing(app: App) -> None:
    with app.transaction() as tx:
        orders = [tx.add(Order(note=str(n))).id for n in range(3)]

    def work(n: int) -> list[Any]:
        mine = orders if n else orders[::-1]
        operations: list[Act] = []
        for order in mine * 4:
            operations.append(lambda tx, order=order: tx.add(Item(order_id=order, price=1)) and None)
            operations.append(lambda tx, order=order: tx.update(Order, order, note=f"by {n}"))
        return app.engine.write_each(operations)

    assert beside(work, 2) == [[None] * 24] * 2
    assert [app.get(Order, order).total for order in orders] == [8, 8, 8]
    assert app.get(Totals).revenue == 24
    assert [str(one) for one in app.verify()] == []


def test_one_that_is_the_victim_of_a_deadlock_is_run_again_by_itself(app: App) -> None:
    ids = customers(app, "one", "other")
    met = threading.Barrier(2)
    runs: list[int] = []

    def work(n: int) -> list[Any]:
        def both(tx: Transaction) -> str:
            runs.append(n)
            tx.update(Customer, ids[n], name="met")
            if runs.count(n) == 1:
                met.wait()
            tx.update(Customer, ids[1 - n], name="met")
            return "stored"

        return app.engine.write_each([both, adding(str(n))])

    assert beside(work, 2) == [["stored", "0"], ["stored", "1"]]
    assert len(runs) > 2
    assert names(app) == ["0", "1", "met", "met"]


def test_a_group_whose_connection_is_lost_is_stored_once(app: App, postgres: str, heard: list[Work]) -> None:
    runs: list[str] = []

    def cut_off(tx: Transaction) -> str:
        runs.append("run")
        if len(runs) == 1:
            terminate(postgres, tx)
        return str(tx.add(Customer(name="bob")).name)

    assert app.engine.write_each([adding("ada"), cut_off, adding("cid")]) == ["ada", "bob", "cid"]
    assert len(runs) == 2
    assert names(app) == ["ada", "bob", "cid"]
    assert len(heard) == 3


def test_a_commit_in_doubt_is_so_for_each_that_would_stand(
    app: App, monkeypatch: pytest.MonkeyPatch, heard: list[Work]
) -> None:
    def last(tx: Transaction) -> None:
        tx.add(Customer(name="bob"))
        wait = tx.work.connection.raw.wait  # type: ignore[attr-defined]  # PostgreSQL's

        def broken(answers: Any) -> Any:
            wait(answers)
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(tx.work.connection.raw, "wait", broken)  # type: ignore[attr-defined]

    results = app.engine.write_each([failing, adding("ada"), last])
    assert [type(one) for one in results] == [ZeroDivisionError, CommitUnknown, CommitUnknown]
    assert heard == []
    assert names(app) == ["ada", "bob"]  # as it happens: neither was run again


def test_an_interruption_stores_nothing_of_its_group(app: App) -> None:
    def interrupted(tx: Transaction) -> None:
        tx.add(Customer(name="ghost"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        app.engine.write_each([adding("ada"), interrupted, adding("bob")])
    assert names(app) == []
    assert app.engine.write_each([adding("ada"), adding("bob")]) == ["ada", "bob"]
