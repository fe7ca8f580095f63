"""An event enters, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from framework import Entity, Event, Field, IntegrationEvent, Payload
from framework.app import App
from framework.clock import ManualClock
from framework.model.apicall import EventKind
from framework.runtime.errors import (
    AlreadyExists,
    ConflictingKey,
    IngestOnly,
    NotAnEvent,
    NotText,
    UnusableKey,
)
from tests.engine.conftest import Watch
from tests.engine.shop import Order, OrderShut, Parcel, ParcelSent


class Size(Payload):
    width: int
    height: int


class Told(Event, table=True):
    text: str
    number: int = 1
    raw: bytes = b"\xff\x00"
    size: Size | None = None
    tags: list[str] = []
    counts: dict[str, int] = {}
    marks: set[int] = set()
    due_at: datetime | None = None
    ref: UUID = Field(default_factory=uuid4)


@pytest.fixture
def told(database_url: str) -> Any:
    app = App([[Told]], database=database_url)
    app.create()
    yield app
    app.close()


def test_a_receipt_says_what_was_stored_and_what_changed(app: App) -> None:
    receipt = app.dispatch(ParcelSent(weight=2), actor="ada")
    assert receipt.event.weight == 2
    assert receipt.id == receipt.event.id == app.query(select(ParcelSent))[0].id
    assert [(one.kind, one.model, one.id) for one in receipt.changes] == [
        ("created", ParcelSent, receipt.id),
        ("created", Parcel, receipt.id),
    ]
    assert receipt.changes[1].before is None
    assert receipt.changes[1].after.weight == 2
    assert not receipt.replayed


def test_a_receipt_shows_derived_values_before_and_after(app: App) -> None:
    with app.transaction() as tx:
        order = tx.add(Order())
    receipt = app.dispatch(OrderShut(order_id=order.id))
    assert [one.kind for one in receipt.changes] == ["created"]


def test_a_key_is_used_once(app: App, watch: Watch) -> None:
    first = app.dispatch(ParcelSent(weight=2), key="a")
    with watch() as statements:
        again = app.dispatch(ParcelSent(weight=2), key="a")
    assert again.replayed
    assert again.id == first.id
    assert again.event.at == first.event.at
    assert [(one.kind, one.model, one.id) for one in again.changes] == [
        (one.kind, one.model, one.id) for one in first.changes
    ]
    assert [one for one in statements if not one.startswith("SELECT")] == []
    assert len(app.query(select(Parcel))) == 1


def test_several_dispatches_of_one_transaction_have_a_key_each(app: App) -> None:
    def send(*weights: int) -> list[ParcelSent]:
        with app.transaction() as tx:
            return [tx.dispatch(ParcelSent(weight=weight), key=f"p{weight}") for weight in weights]

    first, second = send(1, 2)
    again, third, once_more = send(2, 3, 3)
    assert (again.id, again.at) == (second.id, app.get(ParcelSent, second.id).at)
    assert once_more is third
    assert sorted(one.weight for one in app.query(select(Parcel))) == [1, 2, 3]
    receipt = app.dispatch(ParcelSent(weight=1), key="p1")
    assert (receipt.replayed, receipt.id) == (True, first.id)
    assert {one.model for one in receipt.changes} == {ParcelSent, Parcel}
    assert len(receipt.changes) == 4  # all that the transaction changed
    with app.transaction() as tx:
        assert tx.dispatch(ParcelSent(weight=3), key="p3").id == third.id
        with pytest.raises(ConflictingKey, match="its content differs"):
            tx.dispatch(ParcelSent(weight=9), key="p3")
        tx.dispatch(ParcelSent(weight=4), key="p4")
        with pytest.raises(ConflictingKey, match="its content differs"):
            tx.dispatch(ParcelSent(weight=9), key="p4")
        with pytest.raises(UnusableKey):
            tx.dispatch(ParcelSent(weight=9), key="")
    assert sorted(one.weight for one in app.query(select(ParcelSent))) == [1, 2, 3, 4]
    assert app.verify() == []


def test_a_transaction_that_is_taken_back_uses_up_no_key(app: App) -> None:
    with pytest.raises(RuntimeError), app.transaction() as tx:
        tx.dispatch(ParcelSent(weight=1), key="a")
        raise RuntimeError
    with app.transaction() as tx:
        tx.dispatch(ParcelSent(weight=2), key="a")
    assert app.dispatch(ParcelSent(weight=2), key="a").replayed


def test_of_two_transactions_with_the_same_key_one_stores(app: App) -> None:
    def send(number: int) -> UUID:
        with app.transaction() as tx:
            tx.dispatch(ParcelSent(weight=100 + number))
            return tx.dispatch(ParcelSent(weight=1), key="once").id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(send, range(16)))
    assert len(ids) == 1
    assert len(app.query(select(ParcelSent).where(ParcelSent.weight == 1))) == 1
    assert len(app.query(select(ParcelSent))) == 17


def test_another_key_is_another_fact(app: App) -> None:
    app.dispatch(ParcelSent(weight=2), key="a")
    app.dispatch(ParcelSent(weight=2), key="b")
    app.dispatch(ParcelSent(weight=2))
    assert len(app.query(select(Parcel))) == 3


def test_one_key_for_two_contents_is_a_conflict(app: App) -> None:
    app.dispatch(ParcelSent(weight=2), key="a")
    with pytest.raises(ConflictingKey) as caught:
        app.dispatch(ParcelSent(weight=3), key="a")
    assert str(caught.value) == (
        "The key 'a' was used for another ParcelSent: its content differs. "
        "One key names one fact; use a new key."
    )
    with app.transaction() as tx:
        order = tx.add(Order())
    with pytest.raises(ConflictingKey, match="it was a ParcelSent, this is a OrderShut"):
        app.dispatch(OrderShut(order_id=order.id), key="a")
    assert len(app.query(select(ParcelSent))) == 1


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("", "0 characters long"),
        ("k" * 501, "501 characters long"),
        ("a\0", "'a\\x00', which has characters that no database keeps"),
        ("\ud800", "'\\ud800', which has characters that no database keeps"),
        (5, "of the type int"),
    ],
)
def test_a_key_is_a_text_that_every_database_keeps(told: App, key: Any, given: str) -> None:
    with pytest.raises(UnusableKey) as refused:
        told.dispatch(Told(text="x"), key=key)
    assert str(refused.value) == (
        f"A key cannot be {given}. Give a text of 1 to 500 characters that names the fact, such as the id of "
        "a request."
    )
    assert told.query(select(Told)) == []


def test_the_longest_key_names_a_fact_once(told: App) -> None:
    key = "".join(chr(0x1F300 + n % 512) for n in range(500))
    told.dispatch(Told(text="x"), key=key)
    assert told.dispatch(Told(text="x"), key=key).replayed


def test_a_fact_that_is_no_text_is_refused_under_a_key_too(told: App) -> None:
    with pytest.raises(NotText, match="surrogates not allowed"):
        told.dispatch(Told(text="\ud800"), key="k")


def test_what_has_no_order_is_the_same_content_in_any(told: App) -> None:
    told.dispatch(Told(text="x", counts={"a": 1, "b": 2}, marks={0, 8}), key="k")
    assert told.dispatch(Told(text="x", counts={"b": 2, "a": 1}, marks={8, 0}), key="k").replayed
    with pytest.raises(ConflictingKey):
        told.dispatch(Told(text="x", counts={"b": 1, "a": 2}, marks={8, 0}), key="k")


def test_the_same_content_may_be_written_in_several_ways(told: App) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    told.dispatch(Told(text="x", size=Size(width=1, height=2), due_at=noon), key="k")
    again = told.dispatch(Told(text="x", size={"width": "1", "height": 2}, due_at=noon.isoformat()), key="k")
    assert again.replayed
    told.dispatch(Told(text="x", number=2), key="l")
    assert told.dispatch(Told(text="x", number="2", raw=b"\xff\x00", tags=[]), key="l").replayed
    with pytest.raises(ConflictingKey):
        told.dispatch(Told(text="x", number=2, raw=b"\xff\x01"), key="l")


def test_a_failed_dispatch_uses_up_no_key(app: App) -> None:
    with pytest.raises(Exception, match="refers to Order"):
        app.dispatch(OrderShut(order_id=UUID(int=4)), key="a")
    app.dispatch(ParcelSent(weight=1), key="a")


def test_one_event_object_enters_once(app: App) -> None:
    event = ParcelSent(weight=1)
    app.dispatch(event)
    with pytest.raises(AlreadyExists):
        app.dispatch(event)


def test_only_events_are_dispatched(app: App) -> None:
    class Elsewhere(Event, table=True):
        name: str = ""

    for thing in (Order(), Elsewhere()):
        with pytest.raises(NotAnEvent):
            app.dispatch(thing)  # type: ignore[type-var]  # the mistake
    with pytest.raises(NotAnEvent), app.transaction() as tx:
        tx.dispatch(Order())  # type: ignore[type-var]  # the mistake


def test_integration_events_enter_by_their_own_door(app: App) -> None:
    forged = IntegrationEvent(
        integration="x", call_type="Charge", kind=EventKind.INITIALIZED, external_id="1", dedupe_key="1"
    )
    with pytest.raises(IngestOnly):
        app.dispatch(forged)
    assert app.query(select(IntegrationEvent)) == []


def test_an_event_happened_when_its_transaction_did(database_url: str) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    app = App([[Told]], database=database_url, clock=clock)
    app.create()
    event = Told(text="x")
    clock.advance(timedelta(hours=1))
    assert app.dispatch(event).event.at == datetime(2026, 1, 1, 1, tzinfo=UTC)
    yesterday = datetime(2025, 12, 31, tzinfo=UTC)
    assert app.dispatch(Told(text="y", at=yesterday)).event.at == yesterday


def test_defaults_are_evaluated_once(told: App) -> None:
    event = Told(text="x")
    receipt = told.dispatch(event)
    assert receipt.event.ref == event.ref == told.query(select(Told))[0].ref


def test_a_default_is_nobody_elses(told: App) -> None:
    Told(text="x").tags.append("mine")
    assert Told(text="y").tags == []


def test_what_is_read_cannot_be_written(app: App) -> None:
    receipt = app.dispatch(ParcelSent(weight=1))
    for record in (
        receipt.event,
        receipt.changes[1].after,
        app.get(Parcel, receipt.id),
        app.query(select(Parcel))[0],
    ):
        with pytest.raises(Exception, match="read-only"):
            record.weight = 7


def test_an_entity_is_no_event() -> None:
    assert not issubclass(Entity, Event)
