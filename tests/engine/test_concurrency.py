"""Transactions beside each other on PostgreSQL: whatever they do to each other's records, nothing is lost."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlmodel import select

from framework.app import App, opened
from framework.integration import Completed, ExternalId
from framework.integration.ingest import Source, ingest
from framework.model.apicall import IntegrationEvent, Standing
from framework.runtime.errors import MissingReference, NoSuchRecord, StaleWork
from framework.runtime.transaction import Transaction
from framework.runtime.tries import TRIES, pause
from framework.storage.errors import CommitUnknown, TransactionInterrupted
from framework.storage.postgres import PostgresDatabase
from framework.storage.wire import WiredConnection
from tests.engine.shop import MODULE, Charge, Customer, Item, Order, Paper, Totals, cashier

THREADS = 16


@pytest.fixture
def app(postgres_url: str) -> Iterator[App]:
    with opened(App([MODULE], [cashier()], postgres_url)) as app:
        yield app


def beside(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """The results of all threads, which start together."""
    start = threading.Barrier(threads)

    def run(n: int) -> Any:
        start.wait()
        return work(n)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_sixteen_threads_on_one_hot_order_lose_nothing(app: App) -> None:
    with app.transaction() as tx:
        customers = [tx.add(Customer(name=name)).id for name in ("ada", "bob")]
        hot = tx.add(Order(customer_id=customers[0])).id
    orders = [hot]

    def hammer(n: int) -> int:
        random, mine, done = Random(n), [], 0
        for number in range(15):
            act = random.choice((add, add, change, move, drop, order_comes, order_goes, customer_follows))
            try:
                app.engine.write(lambda tx, act=act, number=number: act(tx, Random(f"{n}:{number}"), mine))
                done += 1
            except (NoSuchRecord, MissingReference):
                continue  # another thread had deleted it: that is said, and nothing is stored
        return done

    def add(tx: Transaction, random: Random, mine: list[UUID]) -> None:
        order = hot if random.random() < 0.7 else random.choice(orders)
        new = tx.add(Item(order_id=order, price=random.randint(0, 9), name=random.choice("abc"), paid=True))
        mine.append(new.id)

    def change(tx: Transaction, random: Random, mine: list[UUID]) -> None:
        for id in mine[-2:]:
            tx.update(Item, id, price=random.randint(0, 9), paid=random.random() < 0.5)

    def move(tx: Transaction, random: Random, mine: list[UUID]) -> None:
        for id in mine[-2:]:
            tx.update(Item, id, order_id=random.choice(orders))

    def drop(tx: Transaction, random: Random, mine: list[UUID]) -> None:
        if mine:
            tx.delete(Item, random.choice(mine))

    def order_comes(tx: Transaction, random: Random, mine: list[UUID]) -> None:
        orders.append(tx.add(Order(customer_id=random.choice(customers))).id)

    def order_goes(tx: Transaction, random: Random, mine: list[UUID]) -> None:
        if len(orders) > 1:
            tx.delete(Order, random.choice(orders[1:]))

    def customer_follows(tx: Transaction, random: Random, mine: list[UUID]) -> None:
        tx.update(Customer, random.choice(customers), name=random.choice("xyz"))
        tx.update(Order, random.choice(orders), customer_id=random.choice(customers))

    done = beside(hammer)

    assert sum(done) > THREADS * 5
    assert [str(one) for one in app.verify()] == []
    assert app.get(Totals).orders == len(app.query(select(Order)))
    items = app.query(select(Item))
    assert app.get(Totals).revenue == sum(item.price or 0 for item in items)
    assert app.get(Order, hot).count == len([item for item in items if item.order_id == hot])


def test_items_born_beside_each_other_have_one_newest_and_one_oldest(app: App) -> None:
    with app.transaction() as tx:
        order = tx.add(Order()).id

    def work(n: int) -> None:
        for number in range(10):
            app.engine.write(lambda tx, number=number: tx.add(Item(order_id=order, name=f"{n}:{number}")))

    beside(work)
    assert [str(one) for one in app.verify()] == []
    assert app.get(Order, order).count == 160


def test_an_item_under_an_order_that_goes_is_refused_or_goes_with_it(app: App) -> None:
    def work(n: int) -> None:
        for order in orders:
            try:
                if n % 2:
                    app.engine.write(lambda tx, order=order: tx.delete(Order, order))
                else:
                    app.engine.write(lambda tx, order=order: tx.add(Item(order_id=order, price=1)))
            except (NoSuchRecord, MissingReference):
                continue

    with app.transaction() as tx:
        orders = [tx.add(Order()).id for _ in range(12)]
    beside(work, 8)
    assert app.query(select(Order)) == []
    assert app.query(select(Item)) == []
    assert [str(one) for one in app.verify()] == []


def test_numbers_have_no_gap_however_many_ask(app: App) -> None:
    beside(lambda n: [app.engine.write(lambda tx: tx.add(Order())) for _ in range(5)])
    assert sorted(order.number for order in app.query(select(Order))) == list(range(1, 81))


def test_what_a_vendor_says_before_and_after_its_call_is_known_is_never_lost(app: App) -> None:
    """The webhook and the answer of the POST arrive in one instant: whoever is first, the call is paid."""
    with app.transaction() as tx:
        for cents in range(1, 21):
            tx.add(Order(cents=cents))
    calls = [call.id for call in app.query(select(Charge))]
    (desk,) = app.desks.values()

    def work(n: int) -> None:
        for call in calls:
            if n == 0:
                said: Any = ExternalId(f"x-{call}")
                app.engine.write(
                    lambda tx, said=said, call=call: ingest(tx, desk, Source.SUBMIT, said, call_id=call)
                )
            else:
                done = Completed(Paper(url="here"), external_id=ExternalId(f"x-{call}"))
                app.engine.write(lambda tx, done=done: ingest(tx, desk, Source.WEBHOOK, done))

    beside(work, 4)
    assert {call.status for call in app.query(select(Charge))} == {"completed"}
    applied = [one for one in app.query(select(IntegrationEvent)) if one.standing is Standing.APPLIED]
    assert len(applied) == len({(one.call_id, one.kind) for one in applied}) == 3 * len(calls)
    assert app.verify() == []


def test_a_failed_try_leaves_nothing_behind(app: App) -> None:
    tries = []

    def operation(tx: Transaction) -> UUID:
        tries.append(tx)
        id = tx.add(Customer(name=f"try {len(tries)}")).id
        tx.work.flush()
        if len(tries) < 3:
            raise TransactionInterrupted(reason="a deadlock")
        return id

    id = app.engine.write(operation)
    assert [customer.name for customer in app.query(select(Customer))] == ["try 3"]
    assert app.get(Customer, id).name == "try 3"


def test_tries_are_bounded(app: App) -> None:
    tries = []

    def operation(tx: Transaction) -> None:
        tries.append(tx)
        raise TransactionInterrupted(reason="a deadlock")

    with pytest.raises(StaleWork, match=f"busy for {TRIES} tries"):
        app.engine.write(operation)
    assert len(tries) == TRIES


def test_a_transaction_of_the_callers_own_is_not_run_again(app: App) -> None:
    with app.transaction() as tx:
        one, other = (tx.add(Customer(name=name)).id for name in ("ada", "bob"))
    met = threading.Barrier(2)

    def work(n: int) -> str:
        try:
            with app.transaction() as tx:
                tx.update(Customer, (one, other)[n], name="first")
                met.wait()
                tx.update(Customer, (other, one)[n], name="second")
        except TransactionInterrupted as error:
            return str(error)
        return "stored"

    results = beside(work, 2)
    assert sorted(results)[1] == "stored"
    assert sorted(results)[0].startswith("The database ended this transaction (deadlock detected)")
    assert {customer.name for customer in app.query(select(Customer))} == {"first", "second"}


def test_a_lost_connection_before_the_commit_is_tried_again(app: App, postgres: str) -> None:
    tries = []

    def operation(tx: Transaction) -> None:
        tries.append(tx)
        tx.add(Customer(name="ada"))
        tx.work.flush()
        if len(tries) == 1:
            terminate(postgres, tx)

    app.engine.write(operation)
    assert len(tries) == 2
    assert len(app.query(select(Customer))) == 1


def test_a_connection_lost_in_the_commit_is_not_tried_again(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def operation(tx: Transaction) -> None:
        tries.append(tx)
        tx.add(Customer(name="ada"))
        wait = tx.work.connection.raw.wait  # type: ignore[attr-defined]  # PostgreSQL's

        def broken(answers: Any) -> Any:
            wait(answers)
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(tx.work.connection.raw, "wait", broken)  # type: ignore[attr-defined]

    with pytest.raises(CommitUnknown, match="server closed the connection unexpectedly"):
        app.engine.write(operation)
    assert len(tries) == 1
    assert len(app.query(select(Customer))) == 1


def test_idle_connections_that_the_server_closed_are_replaced(app: App, postgres: str) -> None:
    beside(lambda n: app.query(select(Customer)) and app.get(Totals), 4)
    beside(lambda n: app.engine.write(lambda tx: tx.add(Customer(name="ada"))), 4)
    with psycopg.connect(postgres, autocommit=True) as connection:
        ours = "FROM pg_stat_activity WHERE application_name = 'millrace'"
        connection.execute(f"SELECT pg_terminate_backend(pid, 5000) {ours}")
    app.engine.write(lambda tx: tx.add(Customer(name="bob")))
    assert len(app.query(select(Customer))) == 5


def test_a_server_that_goes_away_while_somebody_connects_is_tried_again(
    app: App, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, cut = PostgresDatabase._prepare, []

    def cut_once(database: PostgresDatabase, raw: WiredConnection) -> None:
        if not cut:
            cut.append(raw)
            with psycopg.connect(postgres, autocommit=True) as connection:
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", [raw.info.backend_pid])
        prepare(database, raw)

    monkeypatch.setattr(PostgresDatabase, "_prepare", cut_once)
    with app.transaction():  # which has the one connection that there is
        beside(lambda n: app.engine.write(lambda tx: tx.add(Customer(name="ada"))), 1)
    assert cut
    assert len(app.query(select(Customer))) == 1


def test_verify_sees_one_moment_while_others_write(app: App) -> None:
    with app.transaction() as tx:
        order = tx.add(Order()).id
    over = threading.Event()

    def work(n: int) -> list[str]:
        if n == 0:
            found = [str(one) for _ in range(5) for one in app.verify()]
            over.set()
            return found
        while not over.is_set():
            app.engine.write(lambda tx: tx.add(Item(order_id=order, price=n)))
        return []

    assert beside(work, 4)[0] == []


def test_a_pause_grows_is_bounded_and_differs() -> None:
    assert [pause(number, lambda: 1.0) for number in (1, 2, 3, 10)] == [0.01, 0.02, 0.04, 0.5]
    assert pause(3, lambda: 0.0) == 0.02


def terminate(server: str, tx: Transaction) -> None:
    pid = tx.work.connection.raw.info.backend_pid  # type: ignore[attr-defined]  # PostgreSQL's
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
