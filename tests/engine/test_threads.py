"""Many threads: nothing is lost, and nobody suffers from a neighbour's mistake."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from framework.app import App, Settings, opened
from framework.errors import DispatchError
from framework.runtime.transaction import Transaction
from tests.engine.shop import MODULE, Customer, Item, Order, ParcelSent, Totals, cashier

THREADS = 16
alone = pytest.mark.parametrize("app", ["memory", "file"], indirect=True)


@pytest.fixture(params=["memory", "file", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    match request.param:
        case "memory":
            url = "sqlite:///:memory:"
        case "file":
            url = f"sqlite:///{tmp_path}/shop.db"
        case _:
            url = request.getfixturevalue("postgres_url")
    with opened(App([MODULE], [cashier()], url, Settings(synchronous="NORMAL"))) as app:
        yield app


def at_once(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """The results of all threads, which start together; an exception is a result."""
    start = threading.Barrier(threads)

    def run(n: int) -> Any:
        start.wait()
        try:
            return work(n)
        except DispatchError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_no_dispatch_is_lost(app: App) -> None:
    def work(n: int) -> int:
        for _ in range(25):
            app.dispatch(ParcelSent(weight=n + 1))
        return len(app.query(select(ParcelSent)))

    at_once(work)
    assert len(app.query(select(ParcelSent))) == THREADS * 25
    assert app.verify() == []


def test_no_increment_is_lost(app: App) -> None:
    with app.transaction() as tx:
        order = tx.add(Order())

    def work(n: int) -> None:
        for _ in range(10):
            if n % 2:
                app.engine.write(lambda tx: tx.add(Item(order_id=order.id, price=n)))
            else:
                with app.transaction() as tx:
                    tx.add(Item(order_id=order.id, price=n))

    at_once(work)
    found = app.get(Order, order.id)
    assert (found.count, found.total) == (160, 10 * sum(range(THREADS)))
    assert app.get(Totals).revenue == found.total
    assert app.verify() == []


def test_a_mistake_in_a_group_hurts_nobody_else(app: App) -> None:
    def work(n: int) -> Any:
        return app.dispatch(ParcelSent(weight=-1 if n % 4 == 0 else n))

    results = at_once(work)
    assert [isinstance(one, DispatchError) for one in results] == [n % 4 == 0 for n in range(THREADS)]
    assert len(app.query(select(ParcelSent))) == 12


def test_operations_of_one_commit_stand_or_fall_alone(app: App) -> None:
    def failing(tx: Transaction) -> None:
        tx.add(Customer(name="ghost"))
        tx.work.flush()
        raise ZeroDivisionError

    def adding(name: str) -> Callable[[Transaction], Any]:
        return lambda tx: tx.add(Customer(name=name)).id

    results = app.engine.write_each([adding("ada"), failing, adding("bob"), failing])
    assert [type(one).__name__ for one in results] == [
        "UUID",
        "ZeroDivisionError",
        "UUID",
        "ZeroDivisionError",
    ]
    assert {one.name for one in app.query(select(Customer))} == {"ada", "bob"}
    assert app.engine.write_each([]) == []
    assert [type(one) for one in app.engine.write_each([failing])] == [ZeroDivisionError]
    assert app.verify() == []


def test_one_key_from_many_threads_is_used_once(app: App) -> None:
    receipts = at_once(lambda n: app.dispatch(ParcelSent(weight=5), key="same"))
    assert len({one.id for one in receipts}) == 1
    assert sorted(one.replayed for one in receipts) == [False] + [True] * (THREADS - 1)
    assert len(app.query(select(ParcelSent))) == 1


def test_what_one_thread_wrote_another_reads(app: App) -> None:
    def work(n: int) -> bool:
        receipt = app.dispatch(ParcelSent(weight=n + 1))
        return app.get(ParcelSent, receipt.id).weight == n + 1

    assert all(at_once(work))


def test_the_first_use_from_many_threads_opens_once(tmp_path: Path) -> None:
    with opened(App([MODULE], [cashier()], f"sqlite:///{tmp_path}/shop.db")):
        pass
    app = App([MODULE], [cashier()], f"sqlite:///{tmp_path}/shop.db")
    engines = at_once(lambda n: app.engine)
    assert len(set(map(id, engines))) == 1
    app.close()


@alone
def test_a_thread_inside_a_transaction_keeps_others_out_until_it_is_done(app: App) -> None:
    entered, order = threading.Event(), []

    def other() -> None:
        entered.set()
        app.dispatch(ParcelSent(weight=1))
        order.append("other")

    thread = threading.Thread(target=other)
    with app.transaction() as tx:
        thread.start()
        entered.wait()
        tx.add(Customer(name="ada"))
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def test_an_interruption_lets_the_next_one_in(app: App) -> None:
    with pytest.raises(KeyboardInterrupt), app.transaction() as tx:
        tx.add(Customer(name="ghost"))
        raise KeyboardInterrupt

    def interrupted(tx: Transaction) -> None:
        tx.add(Customer(name="ghost"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        app.engine.write(interrupted)
    app.dispatch(ParcelSent(weight=1))
    assert app.query(select(Customer)) == []
