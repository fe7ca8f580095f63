"""Deadlines: a value turns once, at its time, with all that follows from it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import anyio
import pytest

from framework import Count, Deadline, Entity, Field, Global, Relationship, computed
from framework.app import App, opened
from framework.clock import ManualClock
from framework.runtime.timer import next_turn
from framework.runtime.work import Work

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Bid(Entity, table=True):
    auction_id: UUID = Field(foreign_key="auction.id")
    until: datetime | None = None

    valid: bool = computed(Deadline(lambda bid: bid.until, before=True, after=False))


class Auction(Entity, table=True):
    bids: list[Bid] = Relationship()

    valid_bids: int = computed(Count(bids, lambda bid: bid.valid))


class Totals(Global, table=True):
    expired: int = computed(Count(Bid, lambda bid: not bid.valid))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def app(database_url: str, clock: ManualClock) -> Iterator[App]:
    with opened(App([[Bid, Auction, Totals]], database=database_url, clock=clock)) as app:
        yield app


def auction(app: App, *untils: datetime | None) -> tuple[UUID, list[UUID]]:
    with app.transaction() as tx:
        made = tx.add(Auction())
        bids = [tx.add(Bid(auction_id=made.id, until=until)).id for until in untils]
    return made.id, bids


def test_a_value_turns_at_its_time_and_all_follows(app: App, clock: ManualClock) -> None:
    id, _ = auction(app, NOON + HOUR, NOON + 2 * HOUR, None)
    assert app.get(Auction, id).valid_bids == 3
    assert next_turn(app.engine) == NOON + HOUR

    clock.advance(HOUR)
    assert app.verify() == []
    assert app.tick() == 1
    assert app.tick() == 0

    assert app.get(Auction, id).valid_bids == 2
    assert app.get(Totals).expired == 1
    assert next_turn(app.engine) == NOON + 2 * HOUR
    assert app.verify() == []


def test_it_does_not_turn_early(app: App, clock: ManualClock) -> None:
    auction(app, NOON + HOUR)
    clock.advance(HOUR - timedelta(microseconds=1))
    assert app.tick() == 0


def test_a_moment_that_has_passed_already_turns_at_once(app: App) -> None:
    id, _ = auction(app, NOON - HOUR)
    assert app.get(Auction, id).valid_bids == 0


def test_moving_the_moment_turns_it_back(app: App, clock: ManualClock) -> None:
    id, (bid,) = auction(app, NOON + HOUR)
    clock.advance(2 * HOUR)
    app.tick()
    with app.transaction() as tx:
        tx.update(Bid, bid, until=NOON + 5 * HOUR)
    assert app.get(Auction, id).valid_bids == 1
    assert next_turn(app.engine) == NOON + 5 * HOUR
    assert app.verify() == []


def test_deadlines_survive_a_restart(app: App, clock: ManualClock) -> None:
    id, _ = auction(app, NOON + HOUR)
    app.close()
    clock.advance(HOUR)
    assert app.tick() == 1
    assert app.get(Auction, id).valid_bids == 0


def test_a_great_many_turn_in_batches(app: App, clock: ManualClock) -> None:
    id, _ = auction(app, *[NOON + HOUR] * 1203)
    clock.advance(HOUR)
    assert app.tick() == 1203
    assert app.get(Auction, id).valid_bids == 0
    assert app.verify() == []


@pytest.mark.anyio
async def test_a_working_app_turns_deadlines_by_itself(tmp_path: Path) -> None:
    with opened(App([[Bid, Auction, Totals]], database=f"sqlite:///{tmp_path / 'auction.db'}")) as app:
        turned = anyio.Event()

        def see(work: Work) -> None:
            if any(change.after is not None and not change.after.valid for change in work.changes(bids)):
                loop.call_soon_threadsafe(turned.set)

        loop, bids = asyncio.get_running_loop(), app.plan.shape(Bid)
        app.engine.listeners.append(see)
        async with app.working():
            id, _ = auction(app, datetime.now(UTC) + timedelta(milliseconds=80))
            assert app.get(Auction, id).valid_bids == 1
            with anyio.fail_after(10):
                await turned.wait()
        assert app.get(Auction, id).valid_bids == 0
        assert app.verify() == []


@pytest.mark.anyio
async def test_settling_turns_what_is_due(app: App, clock: ManualClock) -> None:
    id, _ = auction(app, NOON + HOUR)
    clock.advance(HOUR)
    await app.settle()
    assert app.get(Auction, id).valid_bids == 0
