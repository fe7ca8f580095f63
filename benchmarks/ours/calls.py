"""W3 on Millrace: facts are dispatched, the worker carries their charges out over HTTP, 16 at a time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter

import anyio
import anyio.to_thread
from pydantic_settings import BaseSettings

from benchmarks import server
from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.crew import AT_A_TIME
from benchmarks.ours.chains import expect_paid
from benchmarks.ours.fresh import on_postgres, on_sqlite
from benchmarks.ours.orders import MODULES, Charge, OrderPlaced, Receipt
from benchmarks.sandbox import sandbox
from benchmarks.workloads import OURS
from framework.app import App
from framework.integration import CallView, Completed, ExternalId, HTTPClient, Integration, Policy


class VendorSettings(BaseSettings):
    base_url: str


Integrations = list[Integration[VendorSettings]]


def _on_sqlite(integrations: Integrations) -> AbstractContextManager[App]:
    return on_sqlite(MODULES, integrations, synchronous="FULL")


def _on_postgres(integrations: Integrations) -> AbstractContextManager[App]:
    return on_postgres(MODULES, integrations)


def charging(fresh: Callable[[Integrations], AbstractContextManager[App]], size: int) -> OpsPerSecond:
    """From the dispatch of the first fact to the end of the last charge."""
    with sandbox() as url, fresh([_vendor(url)]) as app:
        speed = anyio.run(_charge_all, app, size)
        expect_paid(app, size)
    return speed


async def _charge_all(app: App, size: int) -> OpsPerSecond:
    async with app.working():
        facts = iter(range(size))
        begun = perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(AT_A_TIME):
                tasks.start_soon(_dispatch_each, app, facts)
        await app.settle()
        return size / (perf_counter() - begun)


async def _dispatch_each(app: App, facts: Iterator[int]) -> None:
    for _ in facts:
        placed = OrderPlaced(email="ada@example.org", total_cents=1250)
        await anyio.to_thread.run_sync(partial(app.dispatch, placed))


def _vendor(url: str) -> Integration[VendorSettings]:
    vendor = Integration(
        "vendor",
        settings=VendorSettings(base_url=url),
        policy=Policy(concurrency=AT_A_TIME, on_doubt="retry"),
    )

    @vendor.call(Charge)
    async def pay(call: CallView, http: HTTPClient) -> Completed:
        headers = {"Idempotency-Key": call.idempotency_key}
        answer = await http.post("/charges", json=call.request.model_dump(), headers=headers)
        answer.raise_for_status()
        charge = ExternalId(answer.json()["id"])
        return Completed(Receipt(url=f"{url}/receipts/{charge}"), external_id=charge)

    return vendor


CONTESTANTS = (
    Contestant(workload="W3", name=OURS, run=partial(charging, _on_sqlite), size=2000, quick_size=200),
    Contestant(
        workload="W3-postgres",
        name=OURS,
        run=partial(charging, _on_postgres),
        size=2000,
        quick_size=200,
        prepare=server.prepare,
    ),
)
