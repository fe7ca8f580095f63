"""A board of tickets whose machines move by their own fields, compute on entry and delete their records."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from framework import (
    Count,
    Deadline,
    Entity,
    Event,
    Field,
    Global,
    OnEntry,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    became,
    changed,
    computed,
    created,
    deleted,
    on,
)


class Status(StrEnum):
    OPEN = "open"
    LATE = "late"
    DONE = "done"
    GONE = "gone"


class Mood(StrEnum):
    IDLE = "idle"
    WORKING = "working"


class Trace(StrEnum):
    CLEAN = "clean"
    SCARRED = "scarred"


class TicketClosed(Event, table=True):
    ticket_id: UUID = Field(foreign_key="ticket.id", ondelete="CASCADE")
    by: str


class TicketPurged(Event, table=True):
    ticket_id: UUID | None = Field(foreign_key="ticket.id", ondelete="SET NULL")


class Comment(Entity, table=True):
    ticket_id: UUID = Field(foreign_key="ticket.id", ondelete="CASCADE")


class Pin(Entity, table=True):
    """What keeps a ticket from going."""

    ticket_id: UUID = Field(foreign_key="ticket.id")


class Ticket(Entity, table=True):
    desk_id: UUID = Field(foreign_key="desk.id")
    points: int = 5
    urgent: bool = False
    due_at: datetime | None = None
    comments: list[Comment] = Relationship()

    talk: int = computed(Count(comments))
    late: bool = computed(Deadline(lambda ticket: ticket.due_at, before=False, after=True))
    status: Status = computed(
        StateMachine(
            Status.OPEN,
            Transition(
                Status.OPEN, Status.LATE, when=became(late, True), guard=lambda ticket: not ticket.urgent
            ),
            Transition(Status.OPEN, Status.DONE, when=on(TicketClosed)),
            Transition(
                Status.LATE,
                Status.DONE,
                when=on(TicketClosed),
                guard=lambda ticket, closed: closed.by == "ada" or ticket.points < 2,
            ),
            Transition(Status.DONE, Status.OPEN, when=changed("points")),
            Transition(Status.DONE, Status.GONE, when=on(TicketPurged)),
            Transition(Status.LATE, Status.GONE, when=became("points", 0)),
            erases=Status.GONE,
        )
    )
    closed_by: str | None = computed(OnEntry(status, Status.DONE, lambda ticket, cause: cause.by))
    late_points: int = computed(OnEntry(status, Status.LATE, lambda ticket, cause: cause.points, initial=-1))
    reopened: int = computed(OnEntry(status, Status.OPEN, lambda ticket, _: ticket.reopened + 1, initial=0))


class Desk(Entity, table=True):
    tickets: list[Ticket] = Relationship()

    count: int = computed(Count(tickets))
    done: int = computed(Count(tickets, lambda ticket: ticket.status == Status.DONE))
    talk: int = computed(Sum(tickets, lambda ticket: ticket.talk))
    mood: Mood = computed(
        StateMachine(
            Mood.IDLE,
            Transition(Mood.IDLE, Mood.WORKING, when=created(tickets)),
            Transition(Mood.WORKING, Mood.IDLE, when=became(count, 0)),
        )
    )
    breaks: int = computed(OnEntry(mood, Mood.IDLE, lambda desk, _: desk.breaks + 1, initial=0))


class Hall(Global, table=True):
    tickets: int = computed(Count(Ticket))
    trace: Trace = computed(
        StateMachine(
            Trace.CLEAN,
            Transition(Trace.CLEAN, Trace.SCARRED, when=deleted(Ticket)),
            Transition(Trace.SCARRED, Trace.CLEAN, when=created(Ticket)),
        )
    )
    scar: int | None = computed(OnEntry(trace, Trace.SCARRED, lambda hall, ticket: ticket.points))


RECORDS = [TicketClosed, TicketPurged, Comment, Pin, Ticket, Desk, Hall]
