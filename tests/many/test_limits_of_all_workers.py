"""The limits of an integration are those of all workers together."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest
from sqlmodel import col, select

from framework.model.apicall import CallStatus
from tests.many.bank import CONCURRENCY, RATE, Charge, Charged, Ring, Rung, build
from tests.many.conftest import PATIENCE, Town, town_at
from tests.many.vendor import NOBODY


@pytest.fixture
def bank(postgres_url: str, tmp_path: Path) -> Iterator[Town]:
    with town_at(postgres_url, tmp_path, build) as bank:
        yield bank


def dispatch(bank: Town, *, charges: int = 0, rings: int = 0, of: str = "ada") -> None:
    with bank.app.transaction() as tx:
        for _ in range(charges):
            tx.dispatch(Charged(of=of))
        for _ in range(rings):
            tx.dispatch(Rung(of=of))


def open_calls(bank: Town, model: type[Charge] | type[Ring]) -> int:
    return len(bank.app.query(select(model.id).where(col(model.status) != CallStatus.COMPLETED)))


def workers_of(bank: Town, path: str) -> set[int]:
    return {entry.by for entry in bank.books.entries("done") if entry.what == path}


def test_all_workers_together_keep_to_the_concurrency_and_to_the_rate_of_a_policy(bank: Town) -> None:
    pids = {bank.worker().pid for _ in range(3)}
    many, begun = 24, time.monotonic()
    dispatch(bank, charges=100, rings=many)
    bank.until(lambda: open_calls(bank, Ring) == 0)
    assert many <= RATE.burst + RATE.per_second * (time.monotonic() - begun)
    bank.until(lambda: open_calls(bank, Charge) == 0)
    under_way = most = 0
    for entry in bank.books.entries("begun", "done"):
        if entry.what == "/charges":
            under_way += 1 if entry.kind == "begun" else -1
            most = max(most, under_way)
    assert 1 < most <= CONCURRENCY
    assert workers_of(bank, "/charges") == workers_of(bank, "/rings") == pids


@pytest.mark.anyio
async def test_a_breaker_that_opens_in_one_process_is_left_alone_by_all(bank: Town) -> None:
    async def until(condition: Callable[[], bool]) -> None:
        with anyio.fail_after(PATIENCE):
            while not condition():
                await worker.activity(0.05)

    bank.worker(), bank.worker()
    async with bank.app.working() as worker:
        dispatch(bank, charges=1, of=NOBODY)
        await until(lambda: bank.app.health()[0].breaker == "open")
        dispatch(bank, charges=20, rings=20)  # who hears of this has heard of the breaker
        await until(lambda: len(workers_of(bank, "/rings")) == 3)
        assert [entry.of for entry in bank.books.entries("begun") if entry.what == "/charges"] == [NOBODY]
        bank.app.resume("till")
        await until(lambda: open_calls(bank, Charge) == 0)
    assert bank.app.verify() == []
