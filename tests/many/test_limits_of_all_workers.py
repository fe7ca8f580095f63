"""The limits of an integration are those of all workers together."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest
from sqlmodel import col, select

from framework.model.apicall import CallStatus
from tests.many.conftest import PATIENCE, Town, town_at
from tests.many.limited import CONCURRENCY, RATE, build
from tests.many.post import Letter, LetterWritten
from tests.many.shop import Charge, OrderPlaced
from tests.many.vendor import NOBODY, Mood


@pytest.fixture
def town(postgres_url: str, tmp_path: Path) -> Iterator[Town]:
    with town_at(postgres_url, tmp_path, build) as town:
        yield town


def dispatch(town: Town, *, charges: int = 0, letters: int = 0, of: str = "ada") -> None:
    with town.app.transaction() as tx:
        for _ in range(charges):
            tx.dispatch(OrderPlaced(customer=of, cents=1))
        for _ in range(letters):
            tx.dispatch(LetterWritten(to=of, mood=Mood.PLAIN))


def open_calls(town: Town, model: type[Charge] | type[Letter]) -> int:
    return len(town.app.query(select(model.id).where(col(model.status) != CallStatus.COMPLETED)))


def workers_of(town: Town, path: str) -> set[int]:
    return {entry.by for entry in town.books.entries("done") if entry.what == path}


def test_all_workers_together_keep_to_the_concurrency_and_to_the_rate_of_a_policy(town: Town) -> None:
    pids = {town.worker().pid for _ in range(3)}
    many, begun = 24, time.monotonic()
    dispatch(town, charges=100, letters=many)
    town.until(lambda: open_calls(town, Letter) == 0)
    assert many <= RATE.burst + RATE.per_second * (time.monotonic() - begun)
    town.until(lambda: open_calls(town, Charge) == 0)
    under_way = most = 0
    for entry in town.books.entries("begun", "done"):
        if entry.what == "/charges":
            under_way += 1 if entry.kind == "begun" else -1
            most = max(most, under_way)
    assert 1 < most <= CONCURRENCY
    assert workers_of(town, "/charges") == workers_of(town, "/letters") == pids


@pytest.mark.anyio
async def test_a_breaker_that_opens_in_one_process_is_left_alone_by_all(town: Town) -> None:
    async def until(condition: Callable[[], bool]) -> None:
        with anyio.fail_after(PATIENCE):
            while not condition():
                await worker.activity(0.05)

    town.worker(), town.worker()
    async with town.app.working() as worker:
        dispatch(town, charges=1, of=NOBODY)
        await until(lambda: town.app.health()[0].breaker == "open")
        dispatch(town, charges=20, letters=20)  # who hears of this has heard of the breaker
        await until(lambda: len(workers_of(town, "/letters")) == 3)
        assert [entry.of for entry in town.books.entries("begun") if entry.what == "/charges"] == [NOBODY]
        town.app.resume("till")
        await until(lambda: open_calls(town, Charge) == 0)
    assert town.app.verify() == []
