"""A state that deletes its record: in the transaction that enters it, with all that follows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Entity, Field, Relationship, StateMachine, Transition, became, computed, deleted
from framework.app import App, opened
from framework.clock import ManualClock
from framework.runtime.errors import NoSuchRecord, StillReferenced
from framework.runtime.receipt import ChangeKind
from tests.engine.board import (
    RECORDS,
    Comment,
    Desk,
    Hall,
    Mood,
    Pin,
    Status,
    Ticket,
    TicketClosed,
    TicketPurged,
    Trace,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def app(database_url: str, clock: ManualClock) -> Iterator[App]:
    with opened(App([RECORDS], database=database_url, clock=clock)) as app:
        yield app
        assert app.verify() == []


@pytest.fixture
def desk(app: App) -> UUID:
    with app.transaction() as tx:
        return tx.add(Desk()).id


@pytest.fixture
def done(app: App, desk: UUID) -> UUID:
    """A ticket that is done, with two comments."""
    with app.transaction() as tx:
        ticket = tx.add(Ticket(desk_id=desk, points=3)).id
        for _ in range(2):
            tx.add(Comment(ticket_id=ticket))
    app.dispatch(TicketClosed(ticket_id=ticket, by="ada"))
    return ticket


def test_the_record_goes_with_what_belongs_to_it_and_all_follows(app: App, desk: UUID, done: UUID) -> None:
    found = app.get(Desk, desk)
    assert (found.count, found.done, found.talk, found.mood) == (1, 1, 2, Mood.WORKING)

    purged = app.dispatch(TicketPurged(ticket_id=done))

    with pytest.raises(NoSuchRecord):
        app.get(Ticket, done)
    assert app.query(select(Comment)) == []
    assert app.query(select(TicketClosed)) == []
    assert app.get(TicketPurged, purged.id).ticket_id is None
    found = app.get(Desk, desk)
    assert (found.count, found.done, found.talk, found.mood, found.breaks) == (0, 0, 0, Mood.IDLE, 1)
    assert (app.get(Hall).tickets, app.get(Hall).trace, app.get(Hall).scar) == (0, Trace.SCARRED, 3)


def test_the_receipt_tells_the_net_changes_of_all_waves(app: App, desk: UUID, done: UUID) -> None:
    purged = app.dispatch(TicketPurged(ticket_id=done))

    told = {(change.model, change.kind) for change in purged.changes}

    assert told == {
        (TicketPurged, ChangeKind.CREATED),
        (Ticket, ChangeKind.DELETED),
        (Comment, ChangeKind.DELETED),
        (TicketClosed, ChangeKind.DELETED),
        (Desk, ChangeKind.UPDATED),
        (Hall, ChangeKind.UPDATED),
    }
    (ticket,) = (change for change in purged.changes if change.model is Ticket)
    assert (ticket.before.status, ticket.after) == (Status.DONE, None)
    (moved,) = (change for change in purged.changes if change.model is Desk)
    assert (moved.before.count, moved.after.count) == (1, 0)
    assert (moved.before.mood, moved.after.mood) == (Mood.WORKING, Mood.IDLE)


def test_what_keeps_it_takes_all_of_it_back(app: App, desk: UUID, done: UUID) -> None:
    with app.transaction() as tx:
        pin = tx.add(Pin(ticket_id=done)).id
    with pytest.raises(
        StillReferenced, match=r"Ticket .* cannot be deleted: Pin\.ticket_id still refers to it"
    ):
        app.dispatch(TicketPurged(ticket_id=done), key="purge")
    assert app.get(Ticket, done).status is Status.DONE
    assert app.query(select(TicketPurged)) == []
    with app.transaction() as tx:
        tx.delete(Pin, pin)
    app.dispatch(TicketPurged(ticket_id=done), key="purge")
    assert app.query(select(Ticket)) == []


def test_a_key_is_answered_even_when_the_event_went_too(app: App, done: UUID) -> None:
    closing = TicketClosed(ticket_id=done, by="bob")
    first = app.dispatch(closing, key="close")
    app.dispatch(TicketPurged(ticket_id=done))
    again = app.dispatch(TicketClosed(ticket_id=done, by="bob"), key="close")
    assert (again.replayed, again.id, again.event.by) == (True, first.id, "bob")


def test_what_comes_and_goes_in_one_transaction_was_never_there(app: App, desk: UUID) -> None:
    with app.transaction() as tx:
        ticket = tx.add(Ticket(desk_id=desk)).id
        tx.dispatch(TicketClosed(ticket_id=ticket, by="ada"))
        tx.dispatch(TicketPurged(ticket_id=ticket))
    assert app.query(select(Ticket)) == []
    assert (app.get(Desk, desk).count, app.get(Desk, desk).breaks) == (0, 1)


def test_an_update_can_delete(app: App, desk: UUID, clock: ManualClock) -> None:
    with app.transaction() as tx:
        ticket = tx.add(Ticket(desk_id=desk, due_at=NOON + HOUR)).id
    clock.advance(HOUR)
    app.tick()
    with app.transaction() as tx:
        tx.update(Ticket, ticket, points=0)
    assert app.query(select(Ticket)) == []
    with app.transaction() as tx:
        tx.add(Ticket(id=ticket, desk_id=desk))
    assert (app.get(Ticket, ticket).status, app.get(Ticket, ticket).late_points) == (Status.OPEN, -1)


class Life(StrEnum):
    ALIVE = "alive"
    GONE = "gone"


class Link(Entity, table=True):
    """A link of a chain, which goes when the next one does."""

    holder_id: UUID | None = Field(default=None, foreign_key="link.id")
    cut: bool = False
    held: list["Link"] = Relationship(sa_relationship_kwargs={"foreign_keys": "Link.holder_id"})

    life: Life = computed(
        StateMachine(
            Life.ALIVE,
            Transition(Life.ALIVE, Life.GONE, when=deleted(held)),
            Transition(Life.ALIVE, Life.GONE, when=became("cut", True)),
            erases=Life.GONE,
        )
    )


@pytest.fixture
def chain(database_url: str) -> Iterator[tuple[App, list[UUID]]]:
    with opened(App([[Link]], database=database_url)) as app:
        with app.transaction() as tx:
            links: list[UUID] = []
            for _ in range(5):
                links.append(tx.add(Link(holder_id=links[-1] if links else None)).id)
        yield app, links
        assert app.verify() == []


def test_one_wave_leads_to_the_next(chain: tuple[App, list[UUID]]) -> None:
    app, links = chain
    with app.transaction() as tx:
        tx.update(Link, links[4], cut=True)
    assert app.query(select(Link)) == []


def test_what_goes_together_goes_whoever_refers_to_whom(chain: tuple[App, list[UUID]]) -> None:
    app, links = chain
    with app.transaction() as tx:
        for link in (links[3], links[4]):
            tx.update(Link, link, cut=True)
    assert app.query(select(Link)) == []
