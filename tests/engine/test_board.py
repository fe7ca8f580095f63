"""Random days of a board, held against plain Python: own-field triggers, entries, deadlines, deletions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlmodel import select

from framework.app import App, Settings
from framework.clock import ManualClock
from framework.runtime.errors import StillReferenced
from tests.engine.board import RECORDS, Comment, Desk, Hall, Pin, Ticket, TicketClosed, TicketPurged
from tests.engine.foretelling import dispatched
from tests.machines import MachineOnDatabase, on_postgresql, on_sqlite
from tests.soak import examples

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

points = st.integers(0, 3)
due = st.none() | st.integers(-1, 3)
which = st.integers(0, 7)


@dataclass
class Known:
    """A ticket in plain Python."""

    desk: UUID
    points: int
    urgent: bool
    due_at: datetime | None
    late: bool = False
    status: str = "open"
    closed_by: str | None = None
    late_points: int = -1
    reopened: int = 0
    comments: int = 0
    pins: int = 0


@dataclass
class KnownDesk:
    mood: str = "idle"
    breaks: int = 0


class Board(MachineOnDatabase):
    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(NOON)
        self.app = App([RECORDS], (), self.url, Settings(synchronous="OFF"), self.clock)
        self.app.create()
        self.tickets: dict[UUID, Known] = {}
        self.desks: dict[UUID, KnownDesk] = {}
        self.trace = "clean"
        self.scar: int | None = None
        self.unmatched = 0

    # -- what should follow --------------------------------------------------------------------------------

    def moment(self, hours: int | None) -> datetime | None:
        return None if hours is None else self.clock.now() + hours * HOUR

    def is_late(self, ticket: Known) -> bool:
        return ticket.due_at is not None and ticket.due_at <= self.clock.now()

    def changes(self, id: UUID, *, became_late: bool, changed: bool, became_nothing: bool) -> None:
        """One change of a ticket, which at most one transition takes."""
        ticket = self.tickets[id]
        match ticket.status:
            case "open" if became_late and not ticket.urgent:
                ticket.status, ticket.late_points = "late", ticket.points
            case "done" if changed:
                ticket.status, ticket.reopened = "open", ticket.reopened + 1
            case "late" if became_nothing:
                self.goes(id)
            case _:
                self.unmatched += became_late or changed or became_nothing

    def goes(self, id: UUID) -> None:
        ticket = self.tickets.pop(id)
        if self.trace == "clean":
            self.trace, self.scar = "scarred", ticket.points
        self.is_left(ticket.desk)

    def is_left(self, desk: UUID) -> None:
        known = self.desks[desk]
        if known.mood == "working" and all(one.desk != desk for one in self.tickets.values()):
            known.mood, known.breaks = "idle", known.breaks + 1

    def pick(self, number: int) -> tuple[UUID, Known]:
        return sorted(self.tickets.items())[number % len(self.tickets)]

    @contextmanager
    def unless_pinned(self, ticket: Known, *, goes: bool) -> Iterator[None]:
        """A deletion that a pin keeps from happening takes everything back."""
        if goes and ticket.pins:
            with pytest.raises(StillReferenced):
                yield
        else:
            yield

    # -- what happens --------------------------------------------------------------------------------------

    @initialize()
    def open_up(self) -> None:
        with self.app.transaction() as tx:
            for _ in range(2):
                self.desks[tx.add(Desk()).id] = KnownDesk()

    @rule(desk=which, points=points, urgent=st.booleans(), due=due)
    def somebody_asks(self, desk: int, points: int, urgent: bool, due: int | None) -> None:
        place = sorted(self.desks)[desk % 2]
        ticket = Known(place, points, urgent, self.moment(due))
        with self.app.transaction() as tx:
            added = Ticket(desk_id=place, points=points, urgent=urgent, due_at=ticket.due_at)
            id = tx.add(added).id
        self.tickets[id] = ticket
        ticket.late = self.is_late(ticket)
        self.changes(id, became_late=ticket.late, changed=False, became_nothing=points == 0)
        self.desks[place].mood = "working"
        self.trace = "clean"

    @precondition(lambda self: self.tickets)
    @rule(number=which, points=st.none() | points, due=st.none() | due, urgent=st.booleans())
    def somebody_changes_their_mind(
        self, number: int, points: int | None, due: int | None, urgent: bool
    ) -> None:
        id, ticket = self.pick(number)
        facts: dict[str, Any] = {"urgent": urgent, "due_at": self.moment(due)}
        if points is not None:
            facts["points"] = points
        turned = facts["due_at"] != ticket.due_at
        changed = facts.get("points", ticket.points) != ticket.points
        became_nothing = changed and facts["points"] == 0
        with self.unless_pinned(ticket, goes=became_nothing and ticket.status == "late"):
            with self.app.transaction() as tx:
                tx.update(Ticket, id, **facts)
            was_late = ticket.late
            for name, value in facts.items():
                setattr(ticket, name, value)
            if turned:
                ticket.late = self.is_late(ticket)
            became_late = ticket.late and not was_late
            self.changes(id, became_late=became_late, changed=changed, became_nothing=became_nothing)

    @precondition(lambda self: self.tickets)
    @rule(number=which, by=st.sampled_from(["ada", "bob"]))
    def somebody_closes(self, number: int, by: str) -> None:
        id, ticket = self.pick(number)
        dispatched(self.app, RECORDS, TicketClosed(ticket_id=id, by=by))
        if ticket.status == "open" or (ticket.status == "late" and (by == "ada" or ticket.points < 2)):
            ticket.status, ticket.closed_by = "done", by
        else:
            self.unmatched += 1

    @precondition(lambda self: self.tickets)
    @rule(number=which)
    def somebody_purges(self, number: int) -> None:
        id, ticket = self.pick(number)
        goes = ticket.status == "done"
        with self.unless_pinned(ticket, goes=goes):
            dispatched(self.app, RECORDS, TicketPurged(ticket_id=id))
            if goes:
                self.goes(id)
            else:
                self.unmatched += 1

    @precondition(lambda self: self.tickets)
    @rule(number=which)
    def somebody_moves_it(self, number: int) -> None:
        id, ticket = self.pick(number)
        place = next(desk for desk in sorted(self.desks) if desk != ticket.desk)
        with self.app.transaction() as tx:
            tx.update(Ticket, id, desk_id=place)
        left, ticket.desk = ticket.desk, place
        self.is_left(left)

    @precondition(lambda self: self.tickets)
    @rule(number=which, pinned=st.booleans())
    def somebody_comments_or_pins(self, number: int, pinned: bool) -> None:
        id, ticket = self.pick(number)
        with self.app.transaction() as tx:
            tx.add(Pin(ticket_id=id) if pinned else Comment(ticket_id=id))
        ticket.pins += pinned
        ticket.comments += not pinned

    @rule()
    def somebody_takes_out_all_pins(self) -> None:
        with self.app.transaction() as tx:
            for pin in self.app.query(select(Pin)):
                tx.delete(Pin, pin.id)
        for ticket in self.tickets.values():
            ticket.pins = 0

    @rule(hours=st.integers(1, 2))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(hours * HOUR)

    @rule()
    def the_timer_runs(self) -> None:
        self.app.tick()
        for id, ticket in self.tickets.items():
            if self.is_late(ticket) and not ticket.late:
                ticket.late = True
                self.changes(id, became_late=True, changed=False, became_nothing=False)

    # -- what holds ----------------------------------------------------------------------------------------

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        assert self.app.verify() == []
        found = {one.id: one for one in self.app.query(select(Ticket))}
        assert found.keys() == self.tickets.keys()
        for id, ticket in self.tickets.items():
            names = ("points", "late", "status", "closed_by", "late_points", "reopened")
            assert [getattr(found[id], one) for one in names] == [getattr(ticket, one) for one in names]
            assert found[id].talk == ticket.comments
        for desk in self.app.query(select(Desk)):
            mine = [one for one in self.tickets.values() if one.desk == desk.id]
            assert (desk.count, desk.talk) == (len(mine), sum(one.comments for one in mine))
            assert desk.done == len([one for one in mine if one.status == "done"])
            assert (desk.mood, desk.breaks) == (self.desks[desk.id].mood, self.desks[desk.id].breaks)
        hall = self.app.get(Hall)
        assert (hall.tickets, hall.trace, hall.scar) == (len(self.tickets), self.trace, self.scar)
        assert sum(one.count for one in self.app.unmatched(Ticket, "status")) == self.unmatched


TestBoard = on_sqlite(Board, examples(15, soak=600, steps=25, soak_steps=60))
TestBoardOnPostgres = on_postgresql(Board, examples(5, soak=200, steps=25, soak_steps=60))
