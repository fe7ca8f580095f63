"""W2 on Millrace: the three transactions of a call that is carried out at once, driven by hand.

The event loop and the vendor's answer are not part of it: W3 measures those.
"""

from functools import cache, partial
from pathlib import Path
from random import random
from time import perf_counter
from typing import Any

from sqlmodel import func, select

from benchmarks import server
from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.crew import AT_A_TIME, seconds
from benchmarks.ours.fresh import on_postgres, on_sqlite
from benchmarks.ours.orders import MODULES, Charge, Order, OrderPlaced, OrderStatus, Receipt
from benchmarks.workloads import OURS
from framework.app import App
from framework.integration import Completed, ExternalId, Integration, Policy
from framework.integration.logbook import Logbook
from framework.integration.outbox import Outbox
from framework.integration.run import Run
from framework.integration.verdict import Said, judge
from framework.runtime.transaction import Transaction

CALLS_PRESENT = 100_000


class Chains:
    """Places orders and carries out their charges, each step an operation of a transaction."""

    def __init__(self, app: App) -> None:
        self.app = app
        desk = app.desks[app.plan.shape(Charge)]
        self._gate = app.workshop.gates[desk.integration.name]
        self._outbox = Outbox(desk, app.engine.database)
        self._logbook = Logbook(app.engine.database, "benchmark", app.metrics)

    def place(self, transaction: Transaction) -> None:
        transaction.dispatch(OrderPlaced(email="ada@example.org", total_cents=1250))

    def claim(self, transaction: Transaction, limit: int = 1) -> list[Run]:
        claimed = self._logbook.claim(transaction, self._outbox, limit)
        return [Run(self._outbox, self._gate, one, needed) for one, needed in claimed]

    def record(self, transaction: Transaction, run: Run) -> None:
        receipt = Receipt(url="https://pay.example.org/receipts/1")
        answer = Completed(receipt, external_id=ExternalId(f"pi_{run.id}"))
        verdict = judge(run.case, Said(answer), transaction.now, random)
        self._logbook.record(transaction, run, verdict)


def one_at_a_time(size: int) -> OpsPerSecond:
    """W2: three transactions a chain: fact, claim with its attempt, the three events."""
    return _one_at_a_time(size, present=0)


def one_at_a_time_grown(size: int) -> OpsPerSecond:
    """W2 with many calls present that are over."""
    return _one_at_a_time(size, present=CALLS_PRESENT)


def sixteen_at_a_time(size: int) -> OpsPerSecond:
    """W2 with group commit: one transaction takes in facts, the next commits outcomes and claims."""
    with on_sqlite(MODULES, [vendor()], synchronous="FULL") as app:
        chains = Chains(app)
        write = chains.app.engine.write_each
        begun = perf_counter()
        finished, under_way = 0, list[Run]()
        while finished < size:
            placing = min(AT_A_TIME, size - finished - len(under_way))
            _all_well(write([chains.place] * placing))
            operations = [partial(_record, chains, run) for run in under_way]
            *_, claimed = _all_well(write([*operations, partial(chains.claim, limit=AT_A_TIME)]))
            finished += len(under_way)
            under_way = claimed
        elapsed = perf_counter() - begun
        expect_paid(app, chains=size)
    return size / elapsed


def sixteen_at_once(size: int) -> OpsPerSecond:
    """W2 on PostgreSQL: 16 threads place an order, claim a call, and record its outcome."""
    with on_postgres(MODULES, [vendor()]) as app:
        chains = Chains(app)
        elapsed = seconds(lambda _: _run_each(chains, size // AT_A_TIME))
        expect_paid(app, chains=size)
    return size / elapsed


def _run_each(chains: Chains, size: int) -> None:
    write = chains.app.engine.write
    for _ in range(size):
        write(chains.place)
        while not (runs := write(chains.claim)):
            pass  # others have just claimed what was there; what they placed is not seen yet
        write(partial(_record, chains, runs[0]))


def _one_at_a_time(size: int, *, present: int) -> OpsPerSecond:
    content = _grown() if present else None
    with on_sqlite(MODULES, [vendor()], synchronous="NORMAL", content=content) as app:
        chains = Chains(app)
        write = chains.app.engine.write
        begun = perf_counter()
        for _ in range(size):
            write(chains.place)
            (run,) = write(chains.claim)
            write(partial(_record, chains, run))
        elapsed = perf_counter() - begun
        expect_paid(app, chains=size + present)
    return size / elapsed


@cache
def _grown() -> bytes:
    """A database with many calls that are over, made once a session."""
    with on_sqlite(MODULES, [vendor()], synchronous="OFF") as app:
        chains = Chains(app)
        write = chains.app.engine.write_each
        for _ in range(0, CALLS_PRESENT, 1000):
            _all_well(write([chains.place] * 1000))
            (runs,) = _all_well(write([partial(chains.claim, limit=1000)]))
            _all_well(write([partial(_record, chains, run) for run in runs]))
        app.close()
        return Path(app.url.removeprefix("sqlite:///")).read_bytes()


def _record(chains: Chains, run: Run, transaction: Transaction) -> None:
    chains.record(transaction, run)


def _all_well(results: list[Any]) -> list[Any]:
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def vendor() -> Integration[Any]:
    vendor = Integration("vendor", policy=Policy(concurrency=AT_A_TIME))

    @vendor.call(Charge)
    async def pay(call: Charge, http: object) -> Completed:
        raise NotImplementedError("the outcome is recorded by hand")

    return vendor


def expect_paid(app: App, chains: int) -> None:
    """All orders are paid, and everything follows from the facts."""
    paid = select(func.count()).select_from(Order).where(Order.status == OrderStatus.PAID)
    assert app.query(paid) == [chains], f"expected {chains} paid orders"
    if chains < CALLS_PRESENT:
        assert app.verify() == [], "everything follows from the facts"


def _prepare_grown() -> None:
    _grown()


CONTESTANTS = (
    Contestant(workload="W2", name=OURS, run=one_at_a_time, size=3000, quick_size=300),
    Contestant(workload="W2-full", name=OURS, run=sixteen_at_a_time, size=4000, quick_size=480),
    Contestant(
        workload="W2-postgres",
        name=OURS,
        run=sixteen_at_once,
        size=1600,
        quick_size=160,
        prepare=server.prepare,
    ),
    Contestant(workload="W2-grown", name=f"{OURS}, empty", run=one_at_a_time, size=3000, quick_size=300),
    Contestant(
        workload="W2-grown",
        name=f"{OURS}, 100,000 calls",
        run=one_at_a_time_grown,
        size=3000,
        quick_size=300,
        prepare=_prepare_grown,
    ),
)
