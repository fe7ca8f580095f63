"""What PostgreSQL is told goes with the next question or with the commit; errors are what they were."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from threading import get_ident
from typing import Any

import psycopg
import pytest
from sqlmodel import select

from benchmarks.ours import orders
from benchmarks.ours.chains import Chains, vendor
from framework import Entity
from framework.app import App, opened
from framework.clock import ManualClock
from framework.errors import InvariantBroken
from framework.integration.attempts import Attempts
from framework.integration.ingest import Source, ingest
from framework.integration.outcomes import ExternalId, Failed
from framework.model.apicall import IntegrationEvent
from framework.model.identity import new_id
from framework.runtime.errors import AlreadyExists, MissingReference, NumberTooLarge
from framework.runtime.transaction import Transaction
from framework.storage.errors import CommitUnknown, DatabaseFailed, TransactionInterrupted
from framework.storage.postgres_connection import PostgresConnection
from framework.storage.violation import Violation
from framework.storage.wire import Wire, WiredConnection
from framework.testing import emit
from tests.engine.shop import MODULE, cashier
from tests.storage.test_statements import Basket, Buyer, Thing, Turnover, a_long_day

Trips = Callable[[], int]


@pytest.fixture
def app(postgres_url: str) -> Iterator[App]:
    with opened(App([[Thing, Basket, Buyer, Turnover]], database=postgres_url)) as app:
        yield app


@pytest.fixture
def basket(app: App) -> Basket:
    with app.transaction() as tx:
        buyer = tx.add(Buyer())
        return tx.add(Basket(buyer_id=buyer.id))


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Trips:
    """How often this thread waited for the server, since this was asked last."""
    made: list[None] = []
    trip, here = Wire._trip, get_ident()

    def counted(wire: Wire, ends: Any) -> Any:
        if get_ident() == here:
            made.append(None)
        return trip(wire, ends)

    monkeypatch.setattr(Wire, "_trip", counted)

    def since_last() -> int:
        count = len(made)
        made.clear()
        return count

    return since_last


def test_a_change_below_eight_aggregates_waits_for_the_server_two_or_three_times(
    app: App, basket: Basket, trips: Trips
) -> None:
    trips()
    with app.transaction() as tx:
        thing = tx.add(Thing(basket_id=basket.id, price=3))
    assert trips() == 2  # what the basket is now; all else, and the commit
    with app.transaction() as tx:
        tx.update(thing, price=30)
    assert trips() == 3  # what the thing was, before that
    with app.transaction() as tx:
        tx.delete(thing)
    assert trips() == 3
    assert app.verify() == []


def test_a_whole_chain_waits_for_the_server_four_times(postgres_url: str, trips: Trips) -> None:
    with opened(App([orders.MODULES], [vendor()], postgres_url)) as app:
        chains, write = Chains(app), app.engine.write
        trips()
        write(chains.place)
        (run,) = write(chains.claim)
        write(partial(chains.record, run=run))
        assert trips() == 4  # 1 for the fact, 1 for the claim, 2 for the outcome
        assert app.verify() == []


def test_questions_that_are_asked_together_are_answered_each(app: App) -> None:
    """Also where they are too many for one message, and where one is prepared and the other is not."""
    with app.transaction() as tx:
        connection = tx.work.connection
        for word in ("two", "three", "four"):
            for _ in range(999):
                connection.tell("SELECT 0")
            asked = [("SELECT $1::BIGINT", [1]), (f"SELECT $1::TEXT, '{word}'", [word])]
            assert connection.rows_each(asked) == [[(1,)], [(word, word)]]


def test_a_transaction_is_one_although_the_server_is_not_told_where_it_begins_and_ends(app: App) -> None:
    said: list[str] = []
    put = Wire.put

    def noted(wire: Wire, sql: str, *more: Any) -> None:
        said.append(sql)
        put(wire, sql, *more)

    buyer = new_id()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "put", noted)
        with app.transaction() as tx:
            tx.add(Buyer(id=buyer))
            tx.work.flush()
            assert tx.work.connection.row("SELECT count(*) FROM buyer") == (1,)
            with ThreadPoolExecutor(1) as beside:
                assert beside.submit(app.query, select(Buyer)).result() == []
            tx.add(Basket(buyer_id=buyer))
    assert not [one for one in said if one.startswith(("BEGIN", "COMMIT"))]
    assert [one.id for one in app.query(select(Buyer))] == [buyer]
    assert app.verify() == []


def test_what_is_undone_after_the_server_has_answered_leaves_no_trace_and_no_warning(app: App) -> None:
    warnings: list[str] = []
    buyer = new_id()
    with pytest.raises(ZeroDivisionError), app.transaction() as tx:
        raw = _raw(tx)
        raw.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
        tx.add(Buyer(id=buyer))
        tx.work.flush()
        raise ZeroDivisionError
    assert app.query(select(Buyer)) == []
    assert warnings == []
    assert app.engine.write(_raw) is raw  # it is used again


def test_who_goes_on_after_an_error_in_a_transaction_stores_nothing(app: App) -> None:
    twin, late = new_id(), new_id()
    app.engine.write(lambda tx: tx.add(Buyer(id=twin)))

    def stubborn(tx: Transaction) -> None:
        tx.add(Basket(buyer_id=twin))
        tx.work.flush()
        for error in (Violation, DatabaseFailed):
            with suppress(error):
                tx.work.connection.run("INSERT INTO buyer (id) VALUES ($1)", [twin])
        tx.add(Buyer(id=late))

    for _ in range(2):
        with pytest.raises(DatabaseFailed, match="the transaction has failed"):
            app.engine.write(stubborn)
    assert app.query(select(Basket)) == []
    assert [one.id for one in app.query(select(Buyer))] == [twin]
    assert app.verify() == []


def test_what_fails_only_at_the_end_is_said_and_not_stored(postgres_url: str) -> None:
    """Constraints that the server looks at when all is said; the framework declares none."""
    with WiredConnection.connect(postgres_url, autocommit=True) as raw:
        raw.execute("CREATE TABLE one (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        for answered_before in (False, True):
            connection = PostgresConnection(raw, _as_it_is, together=True)
            for _ in range(2):
                connection.tell("INSERT INTO one VALUES (1)")
            if answered_before:
                connection.settle()
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.commit()
            connection.roll_back()
            connection.close()
            assert raw.execute("SELECT count(*) FROM one").fetchone() == (0,)


@pytest.mark.parametrize("error", [ZeroDivisionError("of it"), TransactionInterrupted(reason="of it")])
def test_what_is_asked_last_is_stored_with_the_answer_and_whatever_fails_then_is_in_doubt(
    app: App, error: Exception
) -> None:
    one, other = new_id(), new_id()
    insertion = "INSERT INTO buyer (id) VALUES ($1) RETURNING id"
    tries = []

    def operation(tx: Transaction) -> None:
        tries.append(tx)
        assert tx.work.connection.last_rows(insertion, [one]) == [(one,)]
        tx.work.connection.run(insertion, [other])
        raise error

    with pytest.raises(CommitUnknown, match="of it"):
        app.engine.write(operation)
    assert len(tries) == 1
    assert [buyer.id for buyer in app.query(select(Buyer))] == [one]


def test_a_connection_that_is_given_back_in_the_midst_of_something_is_closed(postgres_url: str) -> None:
    with WiredConnection.connect(postgres_url, autocommit=True) as raw:
        connection = PostgresConnection(raw, _as_it_is, together=True)
        assert connection.row("SELECT 1") == (1,)
        connection.close()
        assert raw.closed


def _raw(tx: Transaction) -> WiredConnection:
    connection = tx.work.connection
    assert isinstance(connection, PostgresConnection)
    return connection.raw


def _as_it_is(error: psycopg.Error) -> Exception:
    return error


def test_what_is_refused_is_not_committed_and_the_error_names_it(app: App, basket: Basket) -> None:
    nowhere, twin = new_id(), new_id()
    with (
        pytest.raises(MissingReference, match=f"Thing.basket_id.*{nowhere}"),
        app.transaction() as tx,
    ):
        tx.add(Buyer())
        tx.add(Thing(basket_id=nowhere, price=1))
    with app.transaction() as tx:
        tx.add(Buyer(id=twin))
    with pytest.raises(AlreadyExists, match=str(twin)):
        app.engine.write(lambda tx: tx.add(Buyer(id=twin)))
    for _ in range(2):
        with pytest.raises(NumberTooLarge), app.transaction() as tx:
            tx.add(Thing(basket_id=basket.id, price=2**62))
            tx.add(Thing(basket_id=basket.id, price=2**62))
    assert len(app.query(select(Buyer))) == 2
    assert app.query(select(Thing)) == []
    assert app.verify() == []


def test_what_the_server_did_not_come_to_is_told_again(app: App) -> None:
    """It is said twice, so that it would be prepared, together with one that fails before it."""
    twin = new_id()
    with app.transaction() as tx:
        tx.add(Buyer(id=twin))
    for _ in range(3):
        with pytest.raises(AlreadyExists), app.transaction() as tx:
            tx.add(Buyer(id=twin))
            tx.work.untold.tell()
            tx.work.connection.tell("SELECT $1::TEXT", ["never heard"])
    with app.transaction() as tx:
        assert tx.work.connection.row("SELECT $1::TEXT", ["heard"]) == ("heard",)


@pytest.mark.parametrize(
    "meanwhile", ["DISCARD ALL", "ALTER TABLE thing ALTER COLUMN price TYPE NUMERIC USING price"]
)
def test_a_connection_whose_statements_the_server_has_forgotten_is_not_used_again(
    app: App, basket: Basket, meanwhile: str
) -> None:
    with app.transaction() as tx:
        thing = tx.add(Thing(basket_id=basket.id, price=3))
    tries: list[Transaction] = []

    def operation(tx: Transaction) -> None:
        tries.append(tx)
        assert tx.get(Thing, thing.id).price == 3

    for _ in range(2):  # the second time it is prepared
        app.engine.write(operation)
    pool = app.engine.database._pool  # type: ignore[attr-defined]  # which has one connection
    (old,) = pool._idle
    old.execute(meanwhile)
    app.engine.write(operation)
    assert len(tries) == 4
    assert old.closed
    assert old not in pool._idle


class Form(Entity, table=True):
    number: int | None = None
    holds: bool | None = None
    at: datetime | None = None
    ratio: float | None = None


def test_what_may_be_none_does_not_multiply_what_is_prepared(postgres_url: str) -> None:
    full = {"number": 1, "holds": True, "at": datetime(2026, 1, 1, tzinfo=UTC), "ratio": 0.5}
    some = [set(names) for count in range(5) for names in combinations(full, count)]
    with opened(App([[Form]], database=postgres_url)) as app:
        for names in [*some, *some]:
            with app.transaction() as tx:
                form = tx.add(Form(**{name: full[name] for name in names})).id
            assert {name for name in full if getattr(app.get(Form, form), name) is not None} == names
        (connection,) = app.engine.database._pool._idle  # type: ignore[attr-defined]  # there is one
        statements = connection.wire._known.values()
        prepared = [one for one in statements if one.sql.startswith("INSERT INTO form ") for _ in one.names]
    assert 1 <= len(prepared) <= 5 < len(some)


def test_amounts_for_a_row_that_is_gone_are_not_lost_silently(app: App, basket: Basket) -> None:
    with psycopg.connect(app.url, autocommit=True) as connection:
        connection.execute("DELETE FROM turnover")
    with pytest.raises(InvariantBroken, match="amounts for Turnover"), app.transaction() as tx:
        tx.add(Thing(basket_id=basket.id, price=3))
    assert app.query(select(Thing)) == []


def test_a_server_that_goes_before_the_commit_of_the_same_message_has_stored_nothing(app: App) -> None:
    tries = []

    def operation(tx: Transaction) -> None:
        tries.append(tx)
        tx.add(Buyer())
        if len(tries) == 1:
            tx.work.connection.tell("SELECT pg_terminate_backend(pg_backend_pid())")

    app.engine.write(operation)
    assert len(tries) == 2
    assert len(app.query(select(Buyer))) == 1


def test_the_end_of_a_call_that_was_touched_meanwhile_is_recorded_in_another_try(postgres_url: str) -> None:
    with opened(App([orders.MODULES], [vendor()], postgres_url)) as app:
        chains, write = Chains(app), app.engine.write
        write(chains.place)
        (run,) = write(chains.claim)
        emit(app, app.get(orders.Charge, run.id), "failed")
        write(partial(chains.record, run=run))
        assert run.prolonged
        assert app.get(orders.Charge, run.id).status == "failed"
        said = app.query(select(IntegrationEvent.kind, IntegrationEvent.standing))
        assert set(said) == {("initialized", "applied"), ("failed", "applied"), ("completed", "conflict")}
        with app.engine.database.reading() as connection:
            (attempt,) = Attempts(app.engine.database).of(connection, run.id)
        assert attempt.finished_at is not None
        assert app.verify() == []


def test_an_orphan_and_the_record_that_its_call_moves_are_found_on_one_trip(
    postgres_url: str, trips: Trips
) -> None:
    with opened(App([orders.MODULES], [vendor()], postgres_url)) as app:
        chains, write = Chains(app), app.engine.write
        write(chains.place)
        (run,) = write(chains.claim)
        contrary = Failed(reason="declined", external_id=ExternalId(f"pi_{run.id}"))
        assert write(partial(ingest, desk=run.desk, source=Source.WEBHOOK, outcome=contrary)) == "orphan"
        trips()
        write(partial(chains.record, run=run))
        assert trips() == 2
        assert app.query(select(orders.Order.status)) == ["paid"]
        said = app.query(select(IntegrationEvent.kind, IntegrationEvent.standing))
        assert ("failed", "conflict") in said
        assert len(said) == 4
        assert app.verify() == []


def test_no_statement_scans_a_table_even_if_it_was_prepared_when_that_was_small(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: set[str] = set()
    put = Wire.put

    def noted(wire: Wire, sql: str, *more: Any) -> None:
        statements.add(sql)
        put(wire, sql, *more)

    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    with opened(App([MODULE], [cashier()], postgres_url, clock=clock)) as app:
        monkeypatch.setattr(Wire, "put", noted)
        a_long_day(app)
        kinds = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
        asked = sorted(one for one in statements if one.startswith(kinds))
        pool = app.engine.database._pool  # type: ignore[attr-defined]  # whose connections plan as the engine's
        raw = pool.take()
        raw.execute("ANALYZE")  # now they are known to be small
        plans = {sql: raw.execute(f"EXPLAIN (GENERIC_PLAN) {sql}", prepare=False).fetchall() for sql in asked}
        pool.give(raw)
    assert len(plans) > 80
    assert [(sql, plan) for sql, plan in plans.items() if "Seq Scan" in str(plan)] == []
