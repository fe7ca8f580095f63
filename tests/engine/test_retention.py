"""Retention: what is too old, or one too many, goes, and all follows; what is held stays, and is told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from framework import (
    APICall,
    Count,
    Entity,
    Event,
    Field,
    Global,
    Latest,
    Payload,
    Relationship,
    Retention,
    Sum,
    computed,
    derive,
)
from framework.app import App, opened
from framework.clock import ManualClock
from framework.integration import Completed, Integration
from framework.runtime import sweeping
from framework.runtime.sweeping import Sweeper
from tests.schemas import schema
from tests.soak import examples

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class LoggedIn(Event, table=True):
    user: str


class User(Entity, table=True):
    name: str


@derive
def user(event: LoggedIn) -> User:
    return User(id=event.id, name=event.user)


class Message(Entity, table=True):
    channel_id: UUID | None = Field(default=None, foreign_key="channel.id")
    size: int = 1


class Pin(Entity, table=True):
    message_id: UUID = Field(foreign_key="message.id")


class Channel(Entity, table=True):
    messages: list[Message] = Relationship()

    count: int = computed(Count(messages))
    size: int = computed(Sum(messages, lambda message: message.size))
    last: int | None = computed(Latest(messages, lambda message: message.size))


class Totals(Global, table=True):
    messages: int = computed(Count(Message))
    logins: int = computed(Count(LoggedIn))


class Line(Entity, table=True):
    number: int


class Reply(Entity, table=True):
    to_id: UUID | None = Field(default=None, foreign_key="reply.id")
    at: datetime = Field(default=START)


class Text(Payload):
    words: str


class Order(Entity, table=True):
    placed_at: datetime = START


class Charge(APICall, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
    request: Text


@derive
def charge(order: Order) -> Charge:
    return Charge(order_id=order.id, request=Text(words="pay"))


MODULE = [
    *(LoggedIn, User, user, Message, Pin, Channel, Totals, Line, Reply, Order, Charge, charge),
    Retention(LoggedIn, ttl=30 * DAY),
    Retention(Message, cap=3, per="channel_id"),
    Retention(Line, cap=5),
    Retention(Reply, ttl=DAY, since="at", cap=2),
    Retention(Order, ttl=DAY, since="placed_at"),
]


def bank() -> Integration[Any]:
    integration: Integration[Any] = Integration("bank")

    @integration.call(Charge)
    async def pay(charge: Charge, http: Any) -> Completed:
        return Completed()

    return integration


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def app(database_url: str, clock: ManualClock) -> Iterator[App]:
    with opened(App([MODULE], [bank()], database_url, clock=clock)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


def sizes(app: App) -> list[int]:
    return [one.size for one in app.query(select(Message))]


def test_events_go_when_they_are_too_old_and_what_they_made_stays(app: App, clock: ManualClock) -> None:
    for day in range(4):
        app.dispatch(LoggedIn(user=str(day)), key=str(day))
        clock.advance(DAY)
    clock.advance(28 * DAY)
    assert {one.retention: one.removed for one in app.sweep()}["LoggedIn: 30 days, 0:00:00 from at"] == 3
    assert [one.user for one in app.query(select(LoggedIn))] == ["3"]
    assert len(app.query(select(User))) == 4
    assert app.get(Totals).logins == 1
    for user in ("0", "3"):  # a key is known longer than its event
        assert app.dispatch(LoggedIn(user=user), key=user).replayed


def test_the_newest_of_each_relation_are_kept(app: App) -> None:
    with app.transaction() as tx:
        full, small = tx.add(Channel()), tx.add(Channel())
        for size in range(1, 8):
            tx.add(Message(channel_id=full.id, size=size))
            tx.add(Message(size=size * 100))  # of no channel, so none counts it
        tx.add(Message(channel_id=small.id, size=10))
    app.tick()
    channel = app.get(Channel, full.id)
    assert (channel.count, channel.size, channel.last) == (3, 5 + 6 + 7, 7)
    assert app.get(Channel, small.id).count == 1
    assert app.get(Totals).messages == 3 + 1 + 7


def test_the_newest_of_a_class_are_kept_in_batches(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 4)
    with app.transaction() as tx:
        for number in range(30):
            tx.add(Line(number=number))
    assert app.tick() == 25
    assert [one.number for one in app.query(select(Line))] == [25, 26, 27, 28, 29]
    assert app.tick() == 0


def test_what_is_referred_to_stays_and_is_told(app: App) -> None:
    with app.transaction() as tx:
        channel = tx.add(Channel())
        messages = [tx.add(Message(channel_id=channel.id, size=size)) for size in range(6)]
        pin = tx.add(Pin(message_id=messages[1].id))
    told = {one.model: one for one in app.sweep()}[Message]
    assert (told.removed, told.held) == (2, (messages[1].id,))
    assert sorted(sizes(app)) == [1, 3, 4, 5]
    with app.transaction() as tx:
        tx.delete(pin)
    told = {one.model: one for one in app.sweep()}[Message]
    assert (told.removed, told.held) == (1, ())


def test_who_was_held_by_one_that_went_goes_with_the_same_sweep(app: App, clock: ManualClock) -> None:
    with app.transaction() as tx:
        first = tx.add(Reply())
        second = tx.add(Reply(to_id=first.id))
        third = tx.add(Reply(to_id=second.id, at=START + DAY))
        others = [tx.add(Reply(to_id=third.id, at=START + 3 * DAY)) for _ in range(2)]
    told = {one.model: one for one in app.sweep()}[Reply]
    assert (told.removed, set(told.held)) == (0, {first.id, second.id, third.id})
    with app.transaction() as tx:
        for other in others:
            tx.update(other, to_id=None)
    told = {one.model: one for one in app.sweep()}[Reply]
    assert (told.removed, told.held) == (3, ())
    assert {one.id for one in app.query(select(Reply))} == {other.id for other in others}


@pytest.mark.anyio
async def test_a_call_that_is_under_way_holds_what_it_was_made_for(app: App, clock: ManualClock) -> None:
    with app.transaction() as tx:
        order = tx.add(Order())
    clock.advance(2 * DAY)
    told = {one.model: one for one in app.sweep()}[Order]
    assert (told.removed, told.held) == (0, (order.id,))
    await app.settle()
    assert app.tick() == 1
    assert app.query(select(Charge)) == []


def test_the_timer_knows_when_something_goes_next(app: App, clock: ManualClock) -> None:
    sweeper = Sweeper(app.engine)
    assert sweeper.next_moment() is None
    app.dispatch(LoggedIn(user="ada"))
    assert sweeper.next_moment() == START + 30 * DAY
    clock.advance(31 * DAY)
    sweeper.sweep()
    assert sweeper.next_moment() is None


def test_a_timer_counts_where_something_was_added(app: App) -> None:
    sweeper = Sweeper(app.engine)
    app.engine.listeners.append(sweeper.note)
    sweeper.sweep()
    with app.transaction() as tx:
        channel = tx.add(Channel())
        for size in range(5):
            tx.add(Message(channel_id=channel.id, size=size))
    sweeper.sweep()
    assert sorted(sizes(app)) == [2, 3, 4]


@pytest.mark.anyio
async def test_a_worker_lets_records_go_by_itself(app: App) -> None:
    with app.transaction() as tx:
        for number in range(9):
            tx.add(Line(number=number))
    async with app.working():
        pass
    assert len(app.query(select(Line))) == 5


ACTS = ("log", "message", "pin", "unpin", "pass", "sweep")
Days = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 3)), max_size=25)


def live(url: str, days: list[tuple[str, int]]) -> None:
    """Random days, held against plain lists."""
    clock = ManualClock(START)
    with opened(App([MODULE], [bank()], url, clock=clock)) as app:
        with app.transaction() as tx:
            channels = [tx.add(Channel()).id for _ in range(2)]
        logins: list[datetime] = []
        messages: dict[UUID, list[UUID]] = {channel: [] for channel in channels}
        pins: dict[UUID, UUID] = {}  # message to pin
        for act, number in days:
            channel = channels[number % 2]
            with app.transaction() as tx:
                if act == "log":
                    tx.dispatch(LoggedIn(user="ada"))
                    logins.append(clock.now())
                elif act == "message":
                    messages[channel].append(tx.add(Message(channel_id=channel)).id)
                elif act == "pin" and messages[channel]:
                    message = messages[channel][number % len(messages[channel])]
                    if message not in pins:
                        pins[message] = tx.add(Pin(message_id=message)).id
                elif act == "unpin" and pins:
                    tx.delete(Pin, pins.pop(next(iter(pins))))
            if act == "pass":
                clock.advance(10 * DAY)
            elif act == "sweep":
                app.tick()
                logins = [at for at in logins if at > clock.now() - 30 * DAY]
                for one, kept in messages.items():
                    messages[one] = [id for n, id in enumerate(kept) if n >= len(kept) - 3 or id in pins]
            assert app.get(Totals).logins == len(logins)
            assert {one.id for one in app.query(select(Message))} == {
                id for kept in messages.values() for id in kept
            }
            assert [app.get(Channel, one).count for one in channels] == [
                len(messages[one]) for one in channels
            ]
        assert [str(one) for one in app.verify()] == []


@examples(15, soak=1000)
@given(days=Days)
def test_after_random_days_what_should_be_there_is_there(days: list[tuple[str, int]]) -> None:
    live("sqlite:///:memory:", days)


@examples(5, soak=300)
@given(days=Days)
def test_after_random_days_on_postgresql_too(postgres: str, days: list[tuple[str, int]]) -> None:
    with schema(postgres) as url:
        live(url, days)
