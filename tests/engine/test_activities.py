"""Activities: events in their order, on both databases, whoever else is about."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from framework import Activity, Entity, Event, Field, all_of, any_of, race
from framework.app import App, opened
from framework.computations.activity import Choice, Group, Step, leaves
from framework.model.record import RecordType
from framework.runtime.errors import (
    MissingReference,
    NoSuchRecord,
    NotAnActivityOfThisApp,
    NotAStep,
    OutOfOrder,
)
from tests.schemas import schema
from tests.soak import examples


class Purchase(Entity, table=True):
    cents: int = 0


class RefundAsked(Event, table=True):
    purchase_id: UUID | None = Field(default=None, foreign_key="purchase.id", ondelete="CASCADE")


class RefundApproved(Event, table=True):
    refund_id: UUID = Field(foreign_key="refund_asked.id", ondelete="CASCADE")


class RefundRefused(Event, table=True):
    refund_id: UUID = Field(foreign_key="refund_asked.id", ondelete="CASCADE")


class MoneySent(Event, table=True):
    refund_id: UUID = Field(foreign_key="refund_asked.id", ondelete="CASCADE")


class CustomerTold(Event, table=True):
    refund_id: UUID | None = Field(default=None, foreign_key="refund_asked.id")
    complaint_id: UUID | None = Field(default=None, foreign_key="complained.id")


class Complained(Event, table=True):
    pass


refund = Activity(
    RefundAsked, any_of(RefundRefused, (RefundApproved, all_of(MoneySent, CustomerTold))), name="refund"
)
complaint = Activity(Complained, CustomerTold)
EVENTS = [Purchase, RefundAsked, RefundApproved, RefundRefused, MoneySent, CustomerTold, Complained]
MODULE = [*EVENTS, refund, complaint]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=database_url)) as app:
        yield app
        assert app.verify() == []


def count(app: App, *models: type[Event]) -> int:
    return sum(len(app.query(select(model))) for model in models)


def test_a_refund_goes_its_way(app: App) -> None:
    id = app.dispatch(RefundAsked()).id
    assert app.activity(refund, id).allowed == {RefundApproved, RefundRefused}
    app.dispatch(RefundApproved(refund_id=id))
    state = app.activity(refund, id)
    assert (state.allowed, state.pruned) == ({MoneySent, CustomerTold}, {RefundRefused})
    app.dispatch(CustomerTold(refund_id=id))
    assert not app.activity(refund, id).is_done
    app.dispatch(MoneySent(refund_id=id))
    state = app.activity(refund, id)
    assert state.is_done
    assert state.allowed == frozenset()
    assert state.happened == (RefundAsked, RefundApproved, CustomerTold, MoneySent)
    assert str(state) == "refund is done: RefundAsked, RefundApproved, CustomerTold, MoneySent"


def test_an_activity_is_asked_for_by_the_text_of_its_id_too(app: App) -> None:
    first, second = (app.dispatch(RefundAsked()).id for _ in range(2))
    assert app.activity(refund, str(first)) == app.activity(refund, first)  # type: ignore[arg-type]
    page = app.activities(refund, after=str(first))  # type: ignore[arg-type]
    assert [one.id for one in page] == [second]
    for ask in (lambda: app.activity(refund, "r1"), lambda: app.activities(refund, after="r1")):  # type: ignore[arg-type]
        with pytest.raises(NoSuchRecord, match="There is no RefundAsked with the id r1"):
            ask()


def test_what_is_out_of_order_is_refused_with_a_code_and_nothing_is_stored(app: App) -> None:
    id = app.dispatch(RefundAsked()).id
    app.dispatch(RefundApproved(refund_id=id))
    for event, code in (
        (RefundApproved(refund_id=id), "happened_before"),
        (RefundRefused(refund_id=id), "pruned"),
    ):
        with pytest.raises(OutOfOrder) as refused:
            app.dispatch(event)
        assert refused.value.code == code
    other = app.dispatch(RefundAsked()).id
    with pytest.raises(OutOfOrder) as early:
        app.dispatch(MoneySent(refund_id=other))
    assert str(early.value) == (
        f"MoneySent is not what comes next for {other} (code 'too_early'). refund: RefundAsked happened; "
        "next RefundApproved or RefundRefused."
    )
    assert count(app, RefundApproved, RefundRefused, MoneySent) == 1


def test_several_steps_in_one_transaction_take_their_turns(app: App) -> None:
    with app.transaction() as tx:
        asked = tx.dispatch(RefundAsked())
        with pytest.raises(OutOfOrder):
            tx.dispatch(MoneySent(refund_id=asked.id))
        tx.dispatch(RefundApproved(refund_id=asked.id))
        tx.dispatch(MoneySent(refund_id=asked.id))
    assert app.activity(refund, asked.id).happened == (RefundAsked, RefundApproved, MoneySent)
    with pytest.raises(ZeroDivisionError), app.transaction() as tx:
        tx.dispatch(CustomerTold(refund_id=asked.id))
        1 / 0  # noqa: B018
    assert app.activity(refund, asked.id).allowed == {CustomerTold}


def test_an_event_that_is_sent_again_under_its_key_takes_one_turn(app: App) -> None:
    id = app.dispatch(RefundAsked(), key="ask").id
    for _ in range(2):
        app.dispatch(RefundApproved(refund_id=id), key="approve")
    assert app.activity(refund, id).happened == (RefundAsked, RefundApproved)


def test_an_event_names_the_instance_that_it_belongs_to(app: App) -> None:
    with pytest.raises(MissingReference):
        app.dispatch(RefundApproved(refund_id=uuid4()))
    app.dispatch(CustomerTold())  # of no refund, and no complaint
    refunded, complained = app.dispatch(RefundAsked()).id, app.dispatch(Complained()).id
    with pytest.raises(OutOfOrder):
        app.dispatch(CustomerTold(refund_id=refunded, complaint_id=complained))
    assert not app.activity(complaint, complained).is_done
    app.dispatch(CustomerTold(complaint_id=complained))
    assert app.activity(complaint, complained).is_done
    with pytest.raises(NoSuchRecord):
        app.activity(refund, complained)
    with pytest.raises(NotAnActivityOfThisApp, match="elsewhere is no activity"):
        app.activity(Activity(RefundAsked, MoneySent, name="elsewhere"), refunded)


def test_an_instance_goes_with_the_event_that_opened_it(app: App) -> None:
    with app.transaction() as tx:
        purchase = tx.add(Purchase())
    id = app.dispatch(RefundAsked(purchase_id=purchase.id)).id
    app.dispatch(RefundRefused(refund_id=id))
    with app.transaction() as tx:
        tx.delete(purchase)
    assert count(app, RefundAsked, RefundRefused) == 0
    with pytest.raises(NoSuchRecord):
        app.activity(refund, id)


def test_of_sixteen_that_race_for_one_turn_one_gets_it(app: App) -> None:
    ids = [app.dispatch(RefundAsked()).id for _ in range(3)]
    start = threading.Barrier(16)

    def work(n: int) -> list[type[Event]]:
        start.wait()
        done: list[type[Event]] = []
        for id in ids:
            for model in (RefundRefused, RefundApproved, MoneySent, CustomerTold)[n % 2 :]:
                try:
                    app.dispatch(model(refund_id=id))
                    done.append(model)
                except OutOfOrder:
                    continue
        return done

    with ThreadPoolExecutor(16) as pool:
        done = [one for result in pool.map(work, range(16)) for one in result]
    states = [app.activity(refund, id) for id in ids]
    assert sorted(one.__name__ for state in states for one in state.happened[1:]) == sorted(
        one.__name__ for one in done
    )
    assert all({RefundApproved, RefundRefused} & set(state.happened) for state in states)
    assert not any({RefundApproved, RefundRefused} <= set(state.happened) for state in states)


def test_a_state_that_is_not_what_the_events_say_is_reported_and_mended(app: App) -> None:
    id = app.dispatch(RefundAsked()).id
    app.dispatch(RefundApproved(refund_id=id))
    app.engine.write(
        lambda tx: tx.work.connection.run("UPDATE millrace_activity SET happened = 'RefundAsked'")
    )
    (difference,) = app.verify()
    assert str(difference) == (
        f"RefundAsked {id}: refund is ('RefundAsked',), should be ('RefundAsked', 'RefundApproved')"
    )
    app.rebuild()
    assert app.activity(refund, id).allowed == {MoneySent, CustomerTold}


def test_what_is_open_is_listed_and_what_waits_for_an_event(app: App) -> None:
    asked = [app.dispatch(RefundAsked()).id for _ in range(5)]
    for id in asked[1:]:
        app.dispatch(RefundApproved(refund_id=id))
    app.dispatch(MoneySent(refund_id=asked[2]))
    app.dispatch(CustomerTold(refund_id=asked[3]))
    app.dispatch(MoneySent(refund_id=asked[4]))
    app.dispatch(CustomerTold(refund_id=asked[4]))
    complained = app.dispatch(Complained()).id
    assert [(one.id, len(one.state.happened)) for one in app.activities(refund)] == [
        (asked[0], 1),
        (asked[1], 2),
        (asked[2], 3),
        (asked[3], 3),
    ]
    assert [one.id for one in app.activities(complaint)] == [complained]
    waiting = {
        event: [asked.index(one.id) for one in app.activities(refund, waiting_for=event)]
        for event in (RefundApproved, RefundRefused, MoneySent, CustomerTold, RefundAsked)
    }
    assert waiting == {
        RefundApproved: [0],
        RefundRefused: [0],
        MoneySent: [1, 3],
        CustomerTold: [1, 2],
        RefundAsked: [],
    }
    assert str(app.activities(refund, waiting_for=MoneySent)[1]) == (
        f"{asked[3]}: refund: RefundAsked, RefundApproved, CustomerTold happened; next MoneySent"
    )


def test_what_is_open_is_read_page_by_page(app: App) -> None:
    asked = [app.dispatch(RefundAsked()).id for _ in range(7)]
    for id in asked[::2]:
        app.dispatch(RefundApproved(refund_id=id))
    pages, after = [], None
    while page := app.activities(refund, after=after, limit=3):
        pages.append([asked.index(one.id) for one in page])
        after = page[-1].id
    assert pages == [[0, 1, 2], [3, 4, 5], [6]]


def test_only_what_is_a_step_is_waited_for(app: App) -> None:
    with pytest.raises(NotAStep) as refused:
        app.activities(refund, waiting_for=Complained)
    assert str(refused.value) == (
        "Complained is no step of the activity refund, so nothing waits for it. Its steps are: "
        "RefundRefused, RefundApproved, MoneySent, CustomerTold."
    )
    with pytest.raises(NotAnActivityOfThisApp):
        app.activities(Activity(RefundAsked, MoneySent, name="elsewhere"))


def test_what_is_done_costs_nothing_however_much_there_is() -> None:
    """What stands alike is looked up by an index."""
    with opened(App([MODULE])) as app, app.engine.database.reading() as connection:
        states = app.engine.database.tables.activities
        assert states is not None
        for sql, parameters in ((states._further, ["refund", ""]), (states._alike, ["refund", "x", "y", 1])):
            (step,) = connection.rows(f"EXPLAIN QUERY PLAN {sql}", parameters)
            assert "USING COVERING INDEX" in str(tuple(step))


def test_an_activity_that_is_declared_later_knows_what_has_happened(database_url: str) -> None:
    with opened(App([EVENTS], database=database_url)) as app:
        id = app.dispatch(RefundAsked()).id
        app.dispatch(RefundRefused(refund_id=id))
    with opened(App([MODULE], database=database_url)) as app:
        assert app.activity(refund, id).is_done
        assert app.verify() == []


def test_an_activity_explains_itself_and_is_drawn(app: App) -> None:
    id = app.dispatch(RefundAsked()).id
    approved = app.dispatch(RefundApproved(refund_id=id)).id
    explanation = app.explain(RefundAsked, "refund", id)
    assert explanation.value == ("RefundAsked", "RefundApproved")
    assert explanation.because == (
        "refund: RefundAsked, RefundApproved happened; next CustomerTold or MoneySent"
    )
    assert [one.id for one in explanation.inputs] == [id, approved]
    assert app.graph(refund).splitlines() == [
        "flowchart TD",
        '    start(["refund"])',
        "    finish([done])",
        "    start --> RefundAsked",
        '    fork1{"any of"}',
        "    join1(( ))",
        "    RefundAsked --> fork1",
        "    fork1 --> RefundRefused",
        "    RefundRefused --> join1",
        "    fork1 --> RefundApproved",
        '    fork2{"all of"}',
        "    join2(( ))",
        "    RefundApproved --> fork2",
        "    fork2 --> MoneySent",
        "    MoneySent --> join2",
        "    fork2 --> CustomerTold",
        "    CustomerTold --> join2",
        "    join2 --> join1",
        "    join1 --> finish",
    ]


# -- any activity at all -----------------------------------------------------------------------------------


class Opened(Event, table=True):
    pass


def step_class(number: int) -> type[Event]:
    name = f"Happened{number}"
    body: dict[str, Any] = {
        "__module__": __name__,
        "__qualname__": name,
        "__annotations__": {"opened_id": UUID},
        "opened_id": Field(foreign_key="opened.id"),
    }
    made: type[Event] = RecordType(name, (Event,), body, table=True)
    return made


STEPS = [step_class(number) for number in range(7)]


def test_of_a_race_the_first_to_finish_counts(database_url: str) -> None:
    one, two, three, last = STEPS[:4]
    tried = Activity(Opened, race((one, two), three), last)
    with opened(App([[Opened, *STEPS, tried]], database=database_url)) as app:
        id = app.dispatch(Opened()).id
        app.dispatch(one(opened_id=id))
        assert app.activity(tried, id).allowed == {two, three}
        app.dispatch(three(opened_id=id))
        state = app.activity(tried, id)
        assert (state.allowed, state.pruned) == ({last}, {two})
        with pytest.raises(OutOfOrder) as late:
            app.dispatch(two(opened_id=id))
        assert late.value.code == "pruned"
        app.dispatch(last(opened_id=id))
        assert app.activity(tried, id).is_done
        assert app.verify() == []


@st.composite
def trees(draw: Any) -> tuple[Step, ...]:
    """The steps of an activity, each class once."""
    events = draw(st.permutations(STEPS))[: draw(st.integers(2, len(STEPS)))]

    def split(some: list[Any], depth: int) -> tuple[Step, ...]:
        if len(some) < 2 or depth == 0:
            return tuple(some)
        cut = draw(st.integers(1, len(some) - 1))
        parts = [split(some[:cut], depth - 1), split(some[cut:], depth - 1)]
        choice = draw(st.sampled_from([None, *Choice]))
        return (Group(choice, tuple(parts)),) if choice else tuple(one for part in parts for one in part)

    return split(events, 3)


def rest(step: Step, event: type[Event]) -> Step | None:
    """What is left of a step when the event has happened; None if it may not. Done is the empty tuple."""
    match step:
        case ():
            return None
        case (first, *others):
            left = rest(first, event)
            return None if left is None else tuple(one for one in (left, *others) if one != ())
        case Group(choice=choice, branches=branches):
            for position, branch in enumerate(branches):
                left = rest(branch, event)
                if left is None:
                    continue
                if choice is Choice.ANY or (choice is Choice.RACE and left == ()):
                    return left
                after = tuple(left if n == position else one for n, one in enumerate(branches))
                return () if all(one == () for one in after) else Group(choice, after)
            return None
        case one:
            return () if one is event else None


def walk(url: str, steps: tuple[Step, ...], order: list[type[Event]]) -> None:
    tried = Activity(Opened, *steps)
    with opened(App([[Opened, *STEPS, tried]], database=url)) as app:
        id = app.dispatch(Opened()).id
        left: Step = steps
        for event in (one for one in order if one in set(leaves(steps))):
            state = app.activity(tried, id)
            assert state.allowed == {one for one in STEPS if rest(left, one) is not None}
            after = rest(left, event)
            if after is None:
                with pytest.raises(OutOfOrder):
                    app.dispatch(event(opened_id=id))
            else:
                app.dispatch(event(opened_id=id))
                left = after
            assert app.activity(tried, id).is_done is (left == ())
            assert [one.id for one in app.activities(tried)] == ([] if left == () else [id])
        assert app.verify() == []


orders = st.lists(st.sampled_from(STEPS), min_size=5, max_size=20)


@examples(15, soak=1500)
@given(steps=trees(), order=orders)
def test_every_activity_allows_what_its_rest_begins_with(steps: tuple[Step, ...], order: Any) -> None:
    walk("sqlite:///:memory:", steps, order)


@examples(5, soak=400)
@given(steps=trees(), order=orders)
def test_every_activity_does_so_on_postgresql(postgres: str, steps: tuple[Step, ...], order: Any) -> None:
    with schema(postgres) as url:
        walk(url, steps, order)
