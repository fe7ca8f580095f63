"""W3 without a database: nothing but anyio, httpx and the sandbox, 16 requests in flight."""

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from uuid import uuid4

import anyio
import httpx
from httpx_aiohttp import AiohttpTransport

from benchmarks.contest import Contestant, OpsPerSecond
from benchmarks.crew import AT_A_TIME
from benchmarks.sandbox import sandbox
from benchmarks.workloads import LOOP, LOOP_AIOHTTP

REQUEST = {"amount_cents": 1250, "currency": "eur", "receipt_email": "ada@example.org"}

Transport = Callable[[], httpx.AsyncBaseTransport]


def posting(transport: Transport, size: int) -> OpsPerSecond:
    """Post `size` charges over `transport`, and see that the vendor has them all."""
    with sandbox() as url:
        return anyio.run(_post_all, transport, url, size)


async def _post_all(transport: Transport, url: str, size: int) -> OpsPerSecond:
    async with httpx.AsyncClient(base_url=url, transport=transport()) as http:
        charges = iter(range(size))
        begun = perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(AT_A_TIME):
                tasks.start_soon(_post_each, http, charges)
        elapsed = perf_counter() - begun
        count = (await http.get("/count")).json()
    assert count == size, f"the vendor has {count} charges, {size} were posted"
    return size / elapsed


async def _post_each(http: httpx.AsyncClient, charges: Iterator[int]) -> None:
    for _ in charges:
        answer = await http.post("/charges", json=REQUEST, headers={"Idempotency-Key": uuid4().hex})
        answer.raise_for_status()


CONTESTANTS = tuple(
    Contestant(workload=workload, name=name, run=partial(posting, transport), size=2000, quick_size=200)
    for workload in ("W3", "W3-postgres")
    for name, transport in ((LOOP, httpx.AsyncHTTPTransport), (LOOP_AIOHTTP, AiohttpTransport))
)
