"""Why does it have this value: from a property back to its inputs, its rule and its event."""

from enum import StrEnum
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    APICall,
    Average,
    Count,
    Entity,
    Event,
    Field,
    Global,
    Lookup,
    OnEntry,
    Payload,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    Unique,
    became,
    completed,
    computed,
    derive,
    on,
)
from framework.app import App, opened
from framework.integration.ingest import Source, ingest
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, ExternalId
from framework.plan.mistakes import UnknownMachine, UnknownRead
from framework.runtime.errors import NoSuchRecord
from tests.engine.board import RECORDS, Desk, Ticket, TicketClosed


class Letter(Payload):
    text: str


class State(StrEnum):
    NEW = "new"
    SENT = "sent"
    READ = "read"


class MemberJoined(Event, table=True):
    name: str


class WelcomeRead(Event, table=True):
    member_id: UUID = Field(foreign_key="member.id")


class Welcome(APICall, table=True):
    member_id: UUID = Field(foreign_key="member.id")
    request: Letter


class Visit(Entity, table=True):
    member_id: UUID = Field(foreign_key="member.id")
    minutes: int
    member: "Member" = Relationship()

    host: str | None = computed(Lookup(member, lambda member: member.name))


class Course(Entity, table=True):
    hours: int


class Rates(Global, table=True):
    hour: int = 7


class Booking(Entity, table=True):
    __table_args__ = (Unique("member_id", "course_id"),)
    member_id: UUID = Field(foreign_key="member.id")
    course_id: UUID = Field(foreign_key="course.id")


class Member(Entity, table=True):
    name: str
    welcomes: list[Welcome] = Relationship()
    visits: list[Visit] = Relationship(sa_relationship_kwargs={"overlaps": "member"})
    courses: list["Course"] = Relationship(link_model=Booking)

    visited: int = computed(Count(visits))
    mean_minutes: float | None = computed(Average(visits, lambda visit: visit.minutes))
    booked: int = computed(Count(courses))
    owed: int = computed(Sum(courses, lambda course, rates: course.hours * rates.hour, given=Rates))
    state: State = computed(
        StateMachine(
            State.NEW,
            Transition(State.NEW, State.SENT, when=completed(welcomes)),
            Transition(State.SENT, State.READ, when=on(WelcomeRead)),
        )
    )


class Totals(Global, table=True):
    minutes: int = computed(Sum(Visit, lambda visit: visit.minutes))


@derive
def member(joined: MemberJoined) -> Member:
    return Member(id=joined.id, name=joined.name)


@derive
def welcome(member: Member) -> Welcome:
    return Welcome(member_id=member.id, request=Letter(text=f"Hello {member.name}"))


@pytest.fixture
def app(database_url: str):
    post = Integration("post")

    @post.call(Welcome)
    async def send(call: Welcome, http: object) -> Completed:
        return Completed()

    records = [MemberJoined, WelcomeRead, Welcome, Visit, Course, Rates, Booking, Member, Totals]
    declared = [*records, member, welcome]
    with opened(App([declared], [post], database_url)) as app:
        yield app


@pytest.fixture
def ada(app: App) -> UUID:
    id = app.dispatch(MemberJoined(name="Ada"), actor="front desk").id
    with app.transaction() as tx:
        for minutes in (10, 20):
            tx.add(Visit(member_id=id, minutes=minutes))
    return id


def test_an_aggregate_names_its_records_and_the_values_that_were_read(app: App, ada: UUID) -> None:
    explained = app.explain(Member, "mean_minutes", ada)

    assert explained.value == 15.0
    assert explained.because == "it is the Average over 2 records of Visit, by member_id"
    assert sorted(one.values["minutes"] for one in explained.inputs) == [10, 20]


def test_a_property_names_what_it_reads_and_not_what_others_read_that_are_kept_with_it(
    app: App, ada: UUID
) -> None:
    with app.transaction() as tx:
        course = tx.add(Course(hours=3))
        tx.add(Booking(member_id=ada, course_id=course.id))

    assert [one.values for one in app.explain(Member, "visited", ada).inputs] == [{}, {}]
    assert [one.what for one in app.explain(Member, "booked", ada).inputs] == ["Course"]
    owed = app.explain(Member, "owed", ada)
    assert (owed.value, [one.what for one in owed.inputs]) == (21, ["Course", "Rates"])


def test_a_state_names_the_triggers_that_moved_it_and_those_that_did_not(app: App, ada: UUID) -> None:
    app.dispatch(WelcomeRead(member_id=ada))
    call = app.query(select(Welcome))[0]
    desk = app.desks[app.plan.shape(Welcome)]
    app.engine.write(lambda tx: ingest(tx, desk, Source.SUBMIT, Completed(), call_id=call.id))

    moves = [one.what for one in app.explain(app.get(Member, ada), "state").inputs]

    assert moves == [
        "WelcomeRead created: stays new, caused by",
        "Welcome completed: new -> sent, caused by",
    ]


def test_a_call_names_its_integration_events(app: App, ada: UUID) -> None:
    call = app.query(select(Welcome))[0]
    desk = app.desks[app.plan.shape(Welcome)]
    app.engine.write(lambda tx: ingest(tx, desk, Source.SUBMIT, ExternalId("w-1"), call_id=call.id))

    explained = app.explain(app.get(Welcome, call.id), "status")

    assert [one.values["kind"] for one in explained.inputs] == ["initialized", "processing"]
    assert str(explained).startswith(f"Welcome {call.id}: status is ")


def test_a_fact_names_the_rule_and_the_event_that_it_came_from(app: App, ada: UUID) -> None:
    explained = app.explain(Member, "name", ada)

    assert explained.because == "the rule member made it from"
    assert explained.inputs[0].what == "MemberJoined"
    assert app.explain(MemberJoined, "name", ada).because == "it is a fact, given by front desk from outside"


def test_lookups_and_totals_are_explained(app: App, ada: UUID) -> None:
    visit = app.query(select(Visit))[0]

    assert app.explain(visit, "host").inputs[0].values == {"name": "Ada"}
    assert app.explain(Totals, "minutes").because == "it is the Sum over all records of Visit"
    assert app.explain(Totals, "minutes").value == 30


def test_what_is_not_there_is_said(app: App, ada: UUID) -> None:
    with pytest.raises(UnknownRead, match="explain reads 'nome', but Member has no such field"):
        app.explain(Member, "nome", ada)
    with pytest.raises(NoSuchRecord):
        app.explain(Member, "name", UUID(int=1))


def test_the_plan_is_drawn_with_its_rules(app: App) -> None:
    drawn = app.graph()

    assert drawn.splitlines()[0] == "flowchart LR"
    assert "    MemberJoined.exists -->|member| Member.exists" in drawn
    assert "    Visit.exists --> Member.visited" in drawn


def test_a_state_machine_is_drawn_by_its_transitions(app: App) -> None:
    drawn = app.graph(Member, "state")

    assert "new --> sent: Welcome completed" in drawn
    assert "sent --> read: WelcomeRead created" in drawn
    with pytest.raises(UnknownMachine, match=r"Member\.visited is no state machine"):
        app.graph(Member, "visited")


def test_a_state_machine_is_drawn_with_guards_entries_deadlines_and_its_end() -> None:
    drawn = App([RECORDS]).graph(Ticket, "status")

    assert "open --> late: Ticket.late became True (in time) [guarded]" in drawn
    assert "done --> open: Ticket.points changed" in drawn
    assert "  done: entry / closed_by" in drawn
    assert "  gone --> [*]: deleted" in drawn


def test_states_that_are_no_words_are_drawn_by_a_word_and_shown_as_they_are() -> None:
    class Step(StrEnum):
        FIRST = "in-progress"
        SECOND = "in progress"
        THIRD = 'on "hold": 50%'
        LAST = "end"

    class Job(Entity, table=True):
        note: str = ""
        at: Step = computed(
            StateMachine(
                Step.FIRST,
                Transition(Step.FIRST, Step.SECOND, when=became("note", "now; or: never")),
                Transition(Step.SECOND, Step.THIRD, when=became("note", "wait")),
                Transition(Step.THIRD, Step.LAST, when=became("note", "go")),
                erases=Step.LAST,
            )
        )
        note_then: str | None = computed(OnEntry(at, Step.THIRD, lambda job, cause: cause.note))

    drawn = App([[Job]]).graph(Job, "at").splitlines()

    for line in (
        '  state "in-progress" as in_progress',
        '  state "in progress" as in_progress_',
        '  state "on #34;hold#34;#58; 50#37;" as on__hold___50_',
        '  state "end" as end_',
        "  in_progress --> in_progress_: Job.note became now#59; or#58; never",
        "  [*] --> in_progress",
        "  on__hold___50_: entry / note_then",
        "  end_ --> [*]: deleted",
    ):
        assert line in drawn


def test_the_inputs_are_explained_back_to_who_gave_the_facts(app: App, ada: UUID) -> None:
    visit = app.query(select(Visit))[0]

    explained = app.explain(visit, "host", depth=3)

    (name,) = explained.inputs[0].because
    (given,) = name.inputs[0].because
    assert (name.model, name.property, name.because) == (Member, "name", "the rule member made it from")
    assert (given.model, given.value, given.because) == (
        MemberJoined,
        "Ada",
        "it is a fact, given by front desk from outside",
    )
    assert str(explained).splitlines() == [
        f"Visit {visit.id}: host is 'Ada'",
        "  because it is looked up through member_id",
        f"  - Member {ada}, name = 'Ada'",
        f"    Member {ada}: name is 'Ada'",
        "      because the rule member made it from",
        f"      - MemberJoined {ada}, id = {ada!r}, name = 'Ada'",
        f"        MemberJoined {ada}: name is 'Ada'",
        "          because it is a fact, given by front desk from outside",
    ]
    assert app.explain(visit, "host").inputs[0].because == ()


def test_a_move_is_explained_by_what_caused_it(app: App, ada: UUID) -> None:
    app.dispatch(WelcomeRead(member_id=ada), actor="Ada")

    (move,) = app.explain(Member, "state", ada, depth=2).inputs

    assert move.because[0].because == "it is a fact, given by Ada from outside"


def test_a_value_on_entry_names_the_move_that_gave_it() -> None:
    with opened(App([RECORDS])) as app:
        with app.transaction() as tx:
            ticket = tx.add(Ticket(desk_id=tx.add(Desk()).id)).id
        unheard = app.explain(Ticket, "closed_by", ticket)
        assert (unheard.because, unheard.inputs) == ("Ticket.status has not entered 'done' yet", ())
        closed = app.dispatch(TicketClosed(ticket_id=ticket, by="bob"))
        explained = app.explain(Ticket, "closed_by", ticket)
        assert explained.because == "it was computed when Ticket.status last entered 'done'"
        (move,) = explained.inputs
        assert (move.what, move.id) == ("TicketClosed created: open -> done, caused by", closed.id)
