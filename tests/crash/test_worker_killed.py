"""kill -9, at any instant: no call is lost, and none takes effect twice."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from framework.app import App
from framework.model.apicall import CallStatus
from tests.crash.program import Suicide, build, main
from tests.crash.vendor import Books, Murder, serve
from tests.forked import begin, processes
from tests.integration.desk_of_orders import charges, history

ORDERS = 120
KILLS = 22


@contextmanager
def vendor(folder: Path, *, repeats_nothing: bool, murder: Murder | None = None) -> Iterator[int]:
    """The vendor's process, and the port that it listens to."""
    port: Any = processes.SimpleQueue()
    process = begin(serve, folder, repeats_nothing, murder, port)
    try:
        yield port.get()
    finally:
        process.kill()
        process.join()


def run(
    folder: Path,
    port: int,
    orders: int,
    *,
    looks_up: bool,
    suicide: Suicide | None = None,
    kill_when: Callable[[], bool] = lambda: False,
) -> bool:
    """Run the program until it ends, or until it is killed; whether it came to its end."""
    done = processes.Event()
    program = begin(main, folder, port, orders, looks_up, suicide, done)
    deadline = time.monotonic() + 30
    while program.exitcode is None and time.monotonic() < deadline:
        if kill_when():
            program.kill()
            break
        program.join(0.001)
    program.join(max(0.0, deadline - time.monotonic()))
    assert program.exitcode is not None, "the program hangs"
    return done.is_set()


def verdict(folder: Path, *, looks_up: bool, orders: int) -> App:
    """What every crash must leave behind, once the program has come to its end."""
    books = Books(folder)
    app = build(f"sqlite:///{folder}/shop.db", "http://127.0.0.1:1", looks_up=looks_up)
    calls = charges(app)
    assert len(calls) == orders, "an order without its charge, or with two"
    assert {call.status for call in calls} == {CallStatus.COMPLETED}
    assert {tuple(history(app, call)) for call in calls} == {("initialized", "processing", "completed")}
    keys = {f"acme:{call.id}:0" for call in calls}
    effects = Counter(books.done())
    assert effects.keys() == keys, "a charge is lost, or nobody ordered it"
    assert set(effects.values()) == {1}, "a charge took effect twice"
    assert app.verify() == []
    return app


@pytest.mark.parametrize(
    "looks_up", [False, True], ids=["the vendor repeats nothing", "the vendor can be asked"]
)
def test_killed_again_and_again_it_loses_nothing_and_repeats_nothing(tmp_path: Path, looks_up: bool) -> None:
    books, kills = Books(tmp_path), 0
    with vendor(tmp_path, repeats_nothing=not looks_up) as port:
        for number in range(KILLS):
            enough = (number + 1) * ORDERS // (KILLS + 1)
            ended = run(
                tmp_path, port, ORDERS, looks_up=looks_up, kill_when=lambda n=enough: len(books.done()) >= n
            )
            kills += not ended
        while not run(tmp_path, port, ORDERS, looks_up=looks_up):
            kills += 1
    assert kills >= 20
    app = verdict(tmp_path, looks_up=looks_up, orders=ORDERS)
    attempts = [attempt for call in charges(app) for attempt in app.attempts(call.id)]
    interrupted = [attempt for attempt in attempts if attempt.code == "interrupted"]
    assert len(books.sent()) <= ORDERS + len(interrupted), "more sends than attempts that were cut off"
    assert all(attempt.finished_at for attempt in attempts)
    app.close()


@pytest.mark.parametrize("point", [*Suicide, *Murder], ids=lambda point: point.value)
@pytest.mark.parametrize("looks_up", [False, True], ids=["repeats nothing", "can be asked"])
def test_a_crash_between_any_two_steps_is_mended(
    tmp_path: Path, point: Suicide | Murder, looks_up: bool
) -> None:
    murder = point if isinstance(point, Murder) else None
    suicide = point if isinstance(point, Suicide) else None
    with vendor(tmp_path, repeats_nothing=not looks_up, murder=murder) as port:
        assert not run(tmp_path, port, 3, looks_up=looks_up, suicide=suicide), "it was to be killed"
        assert run(tmp_path, port, 3, looks_up=looks_up)
    verdict(tmp_path, looks_up=looks_up, orders=3).close()
