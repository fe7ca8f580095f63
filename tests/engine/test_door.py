"""At the door, facts are held against their declaration, and all that is wrong is said at once."""

import math
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, NewType
from uuid import UUID

import pytest
from pydantic import ValidationError, field_validator
from sqlmodel import select

from framework import Entity, Event, Field, Formula, Payload, Relationship, computed
from framework.app import App
from framework.model.record import (
    AbstractRecord,
    AddedRecord,
    ComputedPropertyWritten,
    MissingField,
    ReadOnlyRecord,
    RelationWritten,
    UnknownField,
)
from framework.runtime.errors import InvalidRecord

Cents = NewType("Cents", int)


class Kind(StrEnum):
    GOOD = "good"


class Address(Payload):
    city: str
    zip: str = Field(max_length=5)


class Guest(Entity, table=True):
    party_id: UUID | None = Field(default=None, foreign_key="party.id")
    name: str = Field(min_length=1)
    age: int = Field(default=1, ge=0, le=150)
    height: float = 1.0
    kind: Kind = Kind.GOOD
    born_on: date | None = None
    came_at: datetime | None = None
    address: Address | None = None
    wealth: Cents = Cents(0)
    email: str = "a@b"
    shout: str = computed(Formula(lambda guest: guest.name.upper()))

    @field_validator("email")
    @classmethod
    def at_somewhere(cls, value: str) -> str:
        if "@" not in value:
            raise ValueError("has no @")
        return value.lower()


class Party(Entity, table=True):
    guests: list[Guest] = Relationship()


class Arrived(Event, table=True):
    name: str
    count: int = Field(ge=1)


@pytest.fixture
def app() -> Any:
    app = App([[Guest, Party, Arrived]])
    app.create()
    yield app
    app.close()


def add(app: App, **facts: Any) -> Guest:
    with app.transaction() as tx:
        id = tx.add(Guest(**facts)).id
    return app.get(Guest, id)


def test_all_problems_are_said_at_once_and_no_value(app: App) -> None:
    with pytest.raises(InvalidRecord) as caught:
        add(app, name="", age=-1, kind="bad", address={"city": "x", "zip": "secret"}, email="secret")
    assert str(caught.value) == (
        "Guest is not valid: name: String should have at least 1 character; "
        "age: Input should be greater than or equal to 0; kind: Input should be 'good'; "
        "address.zip: String should have at most 5 characters; email: Value error, has no @."
    )
    assert app.query(select(Guest)) == []


def test_an_invalid_event_opens_no_transaction(app: App) -> None:
    statements: list[str] = []
    app.engine.database.writer.raw.set_trace_callback(statements.append)
    with pytest.raises(InvalidRecord, match=r"Arrived is not valid: count: .*greater than or equal to 1"):
        app.dispatch(Arrived(name="ada", count=0))
    assert statements == []


def test_an_update_is_validated_like_a_new_record(app: App) -> None:
    guest = add(app, name="ada")
    for wrong in (
        {"age": 200},
        {"name": None},
        {"kind": "bad"},
        {"email": "x"},
        {"came_at": datetime(2026, 1, 1)},  # noqa: DTZ001  # the mistake
    ):
        with pytest.raises(InvalidRecord), app.transaction() as tx:
            tx.update(guest, **wrong)
    assert app.get(Guest, guest.id).age == 1


def test_values_are_brought_to_their_types(app: App) -> None:
    guest = add(app, name="ada", age="30", kind="good", born_on="1990-05-01", email="ADA@B", height=2)
    assert (guest.age, guest.kind, guest.born_on) == (30, Kind.GOOD, date(1990, 5, 1))
    assert (guest.email, guest.height) == ("ada@b", 2.0)
    guest = add(app, name="bob", address={"city": "Bonn", "zip": "53111"})
    assert guest.address == Address(city="Bonn", zip="53111")


def test_a_moment_without_a_time_zone_is_refused(app: App) -> None:
    with pytest.raises(InvalidRecord, match="came_at: Input should have timezone info"):
        add(app, name="ada", came_at=datetime(2026, 1, 1))  # noqa: DTZ001  # the mistake
    guest = add(app, name="ada", came_at="2026-01-01T12:00:00+02:00")
    assert guest.came_at == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("height", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused(app: App, height: float) -> None:
    with pytest.raises(InvalidRecord, match="height: Input should be a finite number"):
        add(app, name="ada", height=height)


def test_a_payload_holds_what_json_can() -> None:
    class Share(Payload):
        part: float

    with pytest.raises(ValidationError):
        Share(part=math.nan)
    with pytest.raises(ValidationError):
        Share(part=1, other=2)  # type: ignore[call-arg]  # the mistake


@pytest.mark.parametrize("field", ["age", "wealth"])
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_a_number_that_no_column_keeps_is_refused(app: App, field: str, number: int) -> None:
    with pytest.raises(InvalidRecord, match=f"{field}: "):
        add(app, name="ada", **{field: number})


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_the_greatest_numbers_are_kept(app: App, number: int) -> None:
    assert add(app, name="ada", wealth=number).wealth == number


def test_unknown_fields_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(UnknownField) as caught:
        Arrived(name="ada", count=1, hat="red")
    assert str(caught.value) == "Arrived has no field 'hat'. Its facts are: id, at, name, count."


def test_missing_fields_are_all_named() -> None:
    with pytest.raises(MissingField) as caught:
        Arrived()
    assert str(caught.value) == "Arrived needs a value for name, count."


def test_a_computed_property_cannot_be_set(app: App) -> None:
    with pytest.raises(ComputedPropertyWritten) as caught:
        Guest(name="ada", shout="ADA")  # type: ignore[call-arg]  # the mistake
    assert str(caught.value) == (
        "Guest.shout is computed, so it cannot be set. Change the facts that it is computed from."
    )
    guest = add(app, name="ada")
    with pytest.raises(ComputedPropertyWritten), app.transaction() as tx:
        tx.update(guest, shout="ADA")
    draft = Guest(name="ada")
    with pytest.raises(ComputedPropertyWritten):
        draft.shout = "ADA"


def test_a_relation_cannot_be_set() -> None:
    with pytest.raises(RelationWritten) as caught:
        Party(guests=[])
    assert str(caught.value) == (
        "Party.guests is a relation, so it cannot be set. Set the foreign key on the record at its other end."
    )


def test_an_id_cannot_be_changed(app: App) -> None:
    guest = add(app, name="ada")
    with pytest.raises(UnknownField), app.transaction() as tx:
        tx.update(guest, id=UUID(int=1))


def test_a_draft_may_be_changed_before_it_enters(app: App) -> None:
    draft = Guest(name="ada")
    draft.name = "eve"
    with app.transaction() as tx:
        tx.add(draft)
    assert app.get(Guest, draft.id).shout == "EVE"


def test_what_is_written_to_a_record_that_was_added_is_refused_and_not_lost(app: App) -> None:
    with app.transaction() as tx:
        guest = tx.add(Guest(name="ada"))
        with pytest.raises(AddedRecord) as caught:
            guest.name = "eve"
        assert str(caught.value) == (
            "This Guest has been added, so that what is written to it now would be lost. Change facts with "
            "`tx.update(record, name=...)`, or before you add it."
        )
        tx.update(guest, name="eve")
    with pytest.raises(AddedRecord):
        guest.name = "bob"
    assert app.get(Guest, guest.id).name == "eve"
    assert guest == Guest(id=guest.id, name="ada")


def test_what_was_added_to_a_transaction_that_fell_may_be_changed_and_added_again(app: App) -> None:
    draft = Guest(name="ada")
    with pytest.raises(ZeroDivisionError), app.transaction() as tx:
        tx.add(draft)
        1 / 0  # noqa: B018
    draft.name = "eve"
    with app.transaction() as tx:
        tx.add(draft)
    assert app.get(Guest, draft.id).name == "eve"


def test_what_was_read_is_read_only(app: App) -> None:
    guest = add(app, name="ada")
    with pytest.raises(ReadOnlyRecord) as caught:
        guest.name = "eve"
    assert str(caught.value) == (
        "This Guest was read from the App and is read-only. "
        "Change facts with `tx.update` in `app.transaction()`."
    )


def test_a_class_without_a_table_makes_no_records() -> None:
    class Draft(Entity):
        name: str

    with pytest.raises(AbstractRecord):
        Draft(name="x")
