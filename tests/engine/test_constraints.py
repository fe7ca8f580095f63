"""Constraints: what is unique, as a whole or in part, and what is missing, each with a code for programs."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from pydantic import field_validator
from pydantic_core import PydanticCustomError
from sqlmodel import select

from framework import Count, Entity, Event, Field, Formula, Relationship, Unique, computed
from framework.app import App, opened
from framework.errors import DispatchError
from framework.model.record import MissingField
from framework.runtime.errors import (
    AlreadyExists,
    AmbiguousKey,
    InvalidRecord,
    MissingReference,
    NoNaturalKey,
)


class Plan(StrEnum):
    FREE = "free"
    PAID = "paid"


class Account(Entity, table=True):
    __table_args__ = (
        Unique("email", code="email_in_use", where=lambda account: account.closed_at.is_(None)),
        Unique("shop", "number"),
        Unique("nick", where=lambda account: account.plan == Plan.PAID),
    )

    email: str
    shop: str = ""
    number: int
    nick: str = ""
    plan: Plan = Plan.FREE
    closed_at: datetime | None = None


class Box(Entity, table=True):
    __table_args__ = (Unique("label", where=lambda box: ~box.full),)

    label: str
    weight: int = 0
    full: bool = computed(Formula(lambda box: box.weight > 10))


class City(Entity, table=True):
    name: str = Field(unique=True)
    streets: list["Street"] = Relationship()

    count: int = computed(Count(streets))


class Street(Entity, table=True):
    __table_args__ = (Unique("city_id", "name", code="street_known"),)

    city_id: UUID = Field(foreign_key="city.id")
    name: str


class Signed(Event, table=True):
    age: int = Field(ge=18)
    name: str
    zip: str | None = None

    @field_validator("zip")
    @classmethod
    def _digits(cls, given: str | None) -> str | None:
        if given is not None and not given.isdigit():
            raise PydanticCustomError("zip_unknown", "a zip has digits alone")
        return given


class Untouched(Entity, table=True):
    note: str = ""


MODULE = [Account, Box, City, Street, Signed, Untouched]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=database_url)) as app:
        yield app
        assert app.verify() == []


def refusal(app: App, *records: Entity) -> AlreadyExists:
    with pytest.raises(AlreadyExists) as refused, app.transaction() as tx:
        for record in records:
            tx.add(record)
    return refused.value


def test_a_violation_has_the_code_of_its_constraint(app: App) -> None:
    with app.transaction() as tx:
        tx.add(Account(email="ada@example.org", number=1))
    error = refusal(app, Account(email="ada@example.org", number=2))
    assert error.code == "email_in_use"
    assert str(error) == (
        "Account with email = 'ada@example.org' exists already (code 'email_in_use'). Use another value, or "
        "update the record that is there."
    )
    assert refusal(app, Account(email="eve@example.org", number=1)).code == "shop_number_taken"
    assert refusal(app, City(name="Paris"), City(name="Paris")).code == "name_taken"
    one = City(name="Rome")
    assert refusal(app, one, City(id=one.id, name="Oslo")).code == "id_taken"


def test_a_filtered_key_is_free_again_when_its_record_does_not_count_any_more(app: App) -> None:
    with app.transaction() as tx:
        first = tx.add(Account(email="ada@example.org", number=1))
        tx.add(Account(email="eve@example.org", number=2, closed_at=datetime.now(UTC)))
        tx.add(Account(email="eve@example.org", number=3))
    with app.transaction() as tx:  # within one transaction, too
        tx.update(first, closed_at=datetime.now(UTC))
        tx.add(Account(email="ada@example.org", number=4))
    with pytest.raises(AlreadyExists) as refused, app.transaction() as tx:
        tx.update(first, closed_at=None)
    assert refused.value.code == "email_in_use"
    assert len(app.query(select(Account))) == 4


def test_a_filter_compares_with_values_and_with_computed_properties(app: App) -> None:
    with app.transaction() as tx:
        tx.add(Account(email="1", number=1, nick="ada", plan=Plan.PAID))
        tx.add(Account(email="2", number=2, nick="ada"))
        box = tx.add(Box(label="a"))
    assert refusal(app, Account(email="3", number=3, nick="ada", plan=Plan.PAID)).code == "nick_taken"
    assert refusal(app, Box(label="a")).code == "label_taken"
    with app.transaction() as tx:
        tx.update(box, weight=11)
    with app.transaction() as tx:
        tx.add(Box(label="a"))


def test_many_at_once_are_told_which_one_is_taken(app: App) -> None:
    with app.transaction() as tx:
        tx.add(Account(email="7", number=7))
    error = refusal(app, *(Account(email=str(number), number=number * 10) for number in range(30)))
    assert (error.code, error.values) == ("email_in_use", "'7'")


def test_a_record_is_ensured_by_its_only_key(app: App) -> None:
    with app.transaction() as tx:
        paris = City(name="Paris")
        assert tx.ensure(paris) is paris
        assert tx.ensure(City(name="Paris")).id == paris.id
    with app.transaction() as tx:
        again = tx.ensure(City(name="Paris"))
        tx.add(Street(city_id=again.id, name="Rue A"))
        tx.ensure(Street(city_id=again.id, name="Rue A"))
        tx.ensure(Street(city_id=again.id, name="Rue B"))
    assert (again.id, app.get(City, paris.id).count) == (paris.id, 2)


def test_a_filtered_key_ensures_among_the_records_that_count(app: App) -> None:
    with app.transaction() as tx:
        tx.add(Account(email="ada", number=1, closed_at=datetime.now(UTC)))
    ids = set()
    for number in (2, 3):
        with app.transaction() as tx:
            ids.add(tx.ensure(Account(email="ada", number=number), by=("email",)).id)
    assert [one.number for one in app.query(select(Account)) if one.id in ids] == [2]


def test_what_cannot_be_ensured_is_refused(app: App) -> None:
    with app.transaction() as tx:
        tx.add(Account(email="ada", number=1))
    cases: list[tuple[Entity, tuple[str, ...] | None, type[DispatchError], str]] = [
        (Account(email="a", number=2), None, AmbiguousKey, r"Account has several unique keys: .*\(email\)"),
        (Account(email="a", number=2), ("number",), NoNaturalKey, "Account has no unique key of number"),
        (Untouched(), None, NoNaturalKey, "Untouched has no unique key of anything. Its keys are: none"),
        (Account(email="a", number=1), ("email",), AlreadyExists, "shop_number_taken"),
        (Street(city_id=UUID(int=7), name="x"), None, MissingReference, "Street.city_id refers to City"),
    ]
    for record, by, error, said in cases:
        with pytest.raises(error, match=said), app.transaction() as tx:
            tx.ensure(record, by=by)
    assert len(app.query(select(Account))) == 1


def test_of_sixteen_that_ensure_a_record_one_makes_it(app: App) -> None:
    start = threading.Barrier(16)

    def work(n: int) -> set[UUID]:
        start.wait()
        found = set()
        for name in ("Paris", "Rome", "Oslo"):
            city = app.engine.write(lambda tx, name=name: tx.ensure(City(name=name)))
            app.engine.write(lambda tx, id=city.id: tx.ensure(Street(city_id=id, name=f"{n // 2}")))
            found.add(city.id)
        return found

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(work, range(16)))
    assert {frozenset(one) for one in found} == {frozenset(city.id for city in app.query(select(City)))}
    assert [city.count for city in app.query(select(City))] == [8, 8, 8]


def test_each_field_that_is_wrong_has_a_code(app: App) -> None:
    with pytest.raises(InvalidRecord) as refused:
        app.dispatch(Signed(age=17, name=None, zip="x1"))  # type: ignore[arg-type]  # the mistake under test
    assert refused.value.codes == {"age": "greater_than_equal", "name": "missing", "zip": "zip_unknown"}
    incomplete: Any = {"age": 20}
    with pytest.raises(MissingField) as missing:
        Signed(**incomplete)
    assert missing.value.codes == {"name": "missing"}
