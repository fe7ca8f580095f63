"""The workers of several Apps on one PostgreSQL share limits, and hear what vendors say."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import anyio
import pytest

from framework import Entity
from framework.app import App, Settings
from framework.errors import NeedsAttention, Transient
from framework.integration import Integration, Policy, Rate
from framework.integration.notice import MISSED
from framework.integration.share import Share
from framework.integration.worker import Worker
from tests.integration.desk_of_orders import MODULE, Vendor, at_once, place

pytestmark = pytest.mark.anyio

SOON = 5.0


def shop(url: str, vendor: Vendor, **policy: object) -> App:
    app = App([MODULE], [at_once(vendor, **policy)], url, settings=Settings(synchronous="OFF"))
    app.create()
    return app


def share(app: App) -> Share:
    return app.workshop.gates["acme"].share


async def until(condition: Callable[[], bool], worker: Worker) -> None:
    """Return when it is so; the worker may have made it so whenever it did something."""
    with anyio.fail_after(SOON):
        while not condition():
            await worker.activity(0.05)


async def test_shares_follow_who_comes_and_goes(postgres_url: str) -> None:
    one, two = shop(postgres_url, Vendor(), concurrency=5), shop(postgres_url, Vendor(), concurrency=5)
    async with one.working() as worker:
        assert share(one) == Share(5, None)
        async with two.working():
            await until(lambda: share(one).concurrency < 5, worker)
            assert {share(one).concurrency, share(two).concurrency} == {2, 3}
        await until(lambda: share(one).concurrency == 5, worker)
    assert share(two) == Share(5, None), "who does not work is alone with what users ask"
    one.close()
    two.close()


async def test_who_has_no_share_leaves_the_calls_to_who_has_it(postgres_url: str) -> None:
    vendors = Vendor(), Vendor()
    apps = [shop(postgres_url, vendor, rate=Rate(1, burst=1)) for vendor in vendors]
    async with apps[0].working() as worker, apps[1].working():
        await until(lambda: min(share(app).concurrency for app in apps) == 0, worker)
        for app in apps:
            place(app)
        idle = min(range(2), key=lambda number: share(apps[number]).concurrency)
        await until(lambda: len(vendors[1 - idle].tries) > 0, worker)
        await apps[idle].settle()
        assert vendors[idle].tries == []
    for app in apps:
        app.close()


async def test_all_wait_whom_a_vendor_told_one_to_wait_and_so_do_those_who_come_later(
    postgres_url: str,
) -> None:
    vendor, others = Vendor(Transient("429", retry_after=timedelta(minutes=5))), [Vendor(), Vendor()]
    one, (two, three) = shop(postgres_url, vendor), [shop(postgres_url, other) for other in others]
    held = [app.workshop.gates["acme"].left_alone_until for app in (two, three)]
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(one.working())
        place(one)
        await until(lambda: len(vendor.tries) == 1, first)
        second = await stack.enter_async_context(two.working())
        await until(lambda: held[0](two.engine.clock.now()) is not None, second)
        third = await stack.enter_async_context(three.working())
        await until(lambda: held[1](three.engine.clock.now()) is not None, third)
        place(three)
        for app in (two, three):
            await app.settle()
    assert [other.tries for other in others] == [[], []]
    for app in (one, two, three):
        app.close()


async def test_a_pause_is_one_for_all_and_who_may_have_missed_its_end_tries(postgres_url: str) -> None:
    one, two = shop(postgres_url, Vendor(NeedsAttention("401"))), shop(postgres_url, Vendor())
    async with one.working() as first:
        place(one)
        await until(lambda: one.health()[0].paused is not None, first)
        async with two.working() as second:
            await until(lambda: share(one).concurrency == 4, first)  # it knows that there is another
            one.workshop.gates["acme"].resume()
            one.workshop.gates["acme"].pause("403")
            await until(lambda: two.health()[0].paused == "403", second)
            for hear in second.executor.hearers:
                hear(MISSED)
            assert two.health()[0].paused is None
    one.close()
    two.close()


class Parcel(Entity, table=True):
    address: str = ""


async def test_side_effects_that_only_one_may_do_at_a_time_are_done_by_who_leads(postgres_url: str) -> None:
    told: list[str] = []

    def depot(name: str) -> Integration[Any]:
        depot: Integration[Any] = Integration(name, policy=Policy(concurrency=1))

        @depot.side_effect(Parcel)
        async def tell(parcel: Any, http: object) -> None:
            told.append(name)

        return depot

    names = ["depot", "quay", "yard"]
    apps = [App([[Parcel]], [depot(name) for name in names], postgres_url) for _ in range(4)]
    apps[0].create()
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(app.working()) for app in apps]
        for name in names:
            gates = [app.workshop.gates[name] for app in apps]
            await until(
                lambda gates=gates: [gate.share.concurrency for gate in gates] == [1, 0, 0, 0], workers[1]
            )  # type: ignore[misc]
        with apps[-1].transaction() as tx:
            tx.add(Parcel(address="street 1"))
        await until(lambda: sorted(told) == names, workers[0])
    for app in apps:
        app.close()
