"""What exists because something else does."""

from uuid import UUID

import pytest
from sqlmodel import select

from framework import APICall, Entity, Event, Field, Formula, Payload, computed, derive
from framework.app import App
from framework.runtime.errors import InvalidRecord, RuleReturnedWrongThing
from tests.engine.conftest import Watch
from tests.engine.shop import Charge, Item, Line, Order, Parcel, ParcelSent


def lines_of(app: App, order: Order) -> list[tuple[UUID, int, str]]:
    found = app.query(select(Line).where(Line.order_id == order.id))
    return sorted(((one.id, one.position, one.text) for one in found), key=lambda one: one[1])


def test_from_an_event_a_record_is_made_once_and_then_left_alone(app: App) -> None:
    receipt = app.dispatch(ParcelSent(weight=3))
    assert app.get(Parcel, receipt.id).weight == 3
    with app.transaction() as tx:
        tx.update(Parcel, receipt.id, weight=4, note="weighed again")
    assert app.get(Parcel, receipt.id).weight == 4
    with app.transaction() as tx:
        tx.delete(Parcel, receipt.id)
    assert app.query(select(Parcel)) == []
    assert app.verify() == []


def test_a_rule_may_make_nothing(app: App) -> None:
    app.dispatch(ParcelSent(weight=0))
    assert app.query(select(Parcel)) == []


def test_what_comes_from_an_entity_is_kept_equal_under_its_id(app: App) -> None:
    with app.transaction() as tx:
        order = tx.add(Order(note="old"))
        item = tx.add(Item(order_id=order.id))
    head, line = lines_of(app, order)
    with app.transaction() as tx:
        tx.update(order, note="new")
        tx.add(Item(order_id=order.id))
    assert [one[1:] for one in lines_of(app, order)] == [(0, "new"), (1, "1."), (2, "2.")]
    assert [one[0] for one in lines_of(app, order)][:2] == [head[0], line[0]]
    with app.transaction() as tx:
        for one in app.query(select(Item)):
            tx.delete(one)
    assert lines_of(app, order) == [(head[0], 0, "new")]
    assert item.id not in {one.id for one in app.query(select(Item))}
    assert app.verify() == []


def test_what_a_rule_does_not_read_does_not_wake_it(app: App, watch: Watch) -> None:
    with app.transaction() as tx:
        order = tx.add(Order())
    with watch() as statements, app.transaction() as tx:
        tx.update(order, customer_id=None, cents=0)
    assert not [one for one in statements if " line" in one]


def test_what_was_made_goes_with_its_source(database_url: str) -> None:
    class Draft(Entity, table=True):
        text: str

    class Print(Entity, table=True):
        text: str

    @derive
    def print_(draft: Draft) -> Print:
        return Print(text=draft.text)

    app = App([[Draft, Print, print_]], database=database_url)
    app.create()
    with app.transaction() as tx:
        draft, other = tx.add(Draft(text="a")), tx.add(Draft(text="b"))
    with app.transaction() as tx:
        tx.delete(draft)
        tx.update(other, text="c")
    assert [one.text for one in app.query(select(Print))] == ["c"]
    assert app.verify() == []


def test_a_call_is_made_once_whatever_becomes_of_its_source(app: App) -> None:
    with app.transaction() as tx:
        order = tx.add(Order(cents=100))
        later = tx.add(Order())
    with app.transaction() as tx:
        tx.update(order, cents=250)
        tx.update(later, cents=7)
    with app.transaction() as tx:
        tx.update(later, cents=8)
    calls = {one.order_id: one.request.cents for one in app.query(select(Charge))}
    assert calls == {order.id: 100, later.id: 7}


class Nothing(Payload):
    pass


class Alarm(Event, table=True):
    room: str


class Siren(APICall, table=True):
    request: Nothing


class Note(Entity, table=True):
    text: str
    length: int = computed(Formula(lambda note: len(note.text)))


class Echo(Event, table=True):
    text: str


def test_a_rule_may_make_records_of_several_classes(database_url: str) -> None:
    @derive
    def raised(alarm: Alarm) -> list[Siren | Note]:
        return [Note(text=alarm.room), Siren(request=Nothing()), Note(text="end")]

    app = App([[Alarm, Siren, Note, raised]], database=database_url)
    app.create()
    app.dispatch(Alarm(room="attic"))
    assert [one.text for one in app.query(select(Note))] == ["attic", "end"]
    assert len(app.query(select(Siren))) == 1
    assert app.verify() == []


def test_rules_follow_rules(database_url: str) -> None:
    @derive
    def note(alarm: Alarm) -> Note:
        return Note(id=alarm.id, text=alarm.room)

    @derive(reads=[Note.length])
    def echo(note: Note) -> Echo | None:
        return Echo(text=note.text * note.length) if note.length > 1 else None

    app = App([[Alarm, Note, Echo, note, echo]], database=database_url)
    app.create()
    receipt = app.dispatch(Alarm(room="ab"))
    assert [one.text for one in app.query(select(Echo))] == ["abab"]
    assert [change.model.__name__ for change in receipt.changes] == ["Alarm", "Note", "Echo"]
    with app.transaction() as tx:
        tx.update(Note, receipt.id, text="abc")
    assert [one.text for one in app.query(select(Echo))] == ["abab"], "events never change"


def test_a_rule_that_returns_something_else_is_refused(database_url: str) -> None:
    @derive
    def note(alarm: Alarm) -> Note:
        return Alarm(room="again")  # type: ignore[return-value]  # the mistake

    app = App([[Alarm, Note, note]], database=database_url)
    app.create()
    with pytest.raises(RuleReturnedWrongThing, match=r"It declares that it makes Note"):
        app.dispatch(Alarm(room="attic"))
    assert app.query(select(Alarm)) == []


def test_what_a_rule_makes_is_valid_too(database_url: str) -> None:
    class Small(Entity, table=True):
        size: int = Field(le=3)

    @derive
    def small(alarm: Alarm) -> Small:
        return Small(size=len(alarm.room))

    app = App([[Alarm, Small, small]], database=database_url)
    app.create()
    with pytest.raises(InvalidRecord, match="size"):
        app.dispatch(Alarm(room="attic"))
    assert app.query(select(Alarm)) == []


def test_a_rule_is_still_a_function() -> None:
    @derive
    def note(alarm: Alarm) -> Note:
        return Note(text=alarm.room)

    assert note(Alarm(room="attic")).text == "attic"
