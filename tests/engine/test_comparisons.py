"""What a column never is is refused with its name, before a database is asked: on all of them alike."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from sqlalchemy.orm import aliased
from sqlmodel import col, func, or_, select

from framework import Count, Entity, Field, Payload, Relationship, computed
from framework.app import App, opened
from framework.model.decimals import DoesNotFit
from framework.runtime.errors import NotComparable, NumberTooLarge


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Label(Payload):
    text: str


class Parcel(Entity, table=True):
    number: int = 7
    name: str = "vase"
    fragile: bool = True
    weight: float = 1.5
    code: bytes = b"v"
    inside_id: UUID | None = Field(default=None, foreign_key="parcel.id")
    sent_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    due: date = date(2026, 1, 8)
    took: timedelta = timedelta(days=1)
    size: Size = Size.LARGE
    speed: Literal["slow", "fast"] = "fast"
    price: Annotated[Decimal, Field(decimal_places=2)] = Decimal("2.50")
    label: Label = Label(text="mind")
    stops: list[str] = ["Ghent", "Bruges"]
    inner: list["Parcel"] = Relationship()

    held: int = computed(Count(inner))


P: Any = Parcel


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """What is refused before a database is asked is refused by all of them."""
    with opened(App([[Parcel]], database=f"sqlite:///{tmp_path_factory.mktemp('parcels')}/test.db")) as app:
        yield app


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Parcel]], database=database_url)) as app:
        with app.transaction() as tx:
            tx.add(Parcel())
        yield app


NUMBER = "Compare it with a number"
ADMITTED = "Compare it with a value that its declaration admits"
AWARE = "Compare it with a datetime that has its time zone: `datetime(..., tzinfo=UTC)`"
ALIKE = "Compare columns that are declared alike"
SEARCHED = "Only in a str can be searched, and for a str"
UNORDERED = "It is kept as JSON, which has no order: give what is ordered a field of its own"
NAIVE = datetime.fromisoformat("2026-01-01")

WRONG: list[tuple[Callable[[], Any], str, str, str, str]] = [
    (lambda: P.id == "7", "id", "UUID", "'7'", "Compare it with a UUID: `UUID(text)`"),
    (lambda: P.number == "7", "number", "int", "'7'", NUMBER),
    (lambda: P.number == True, "number", "int", "True", NUMBER),  # noqa: E712
    (lambda: P.number.in_([7, "8"]), "number", "int", "'8'", NUMBER),
    (lambda: P.number.between(1, "9"), "number", "int", "'9'", NUMBER),
    (lambda: P.held > "1", "held", "int", "'1'", NUMBER),
    (lambda: P.name == 7, "name", "str", "7", "Compare it with a str"),
    (lambda: P.name == P.number, "name", "str", "Parcel.number", ALIKE),
    (lambda: P.fragile == 1, "fragile", "bool", "1", "Compare it with True or False"),
    (lambda: P.weight < "2", "weight", "float", "'2'", NUMBER),
    (lambda: P.code == "v", "code", "bytes", "'v'", "Compare it with bytes"),
    (lambda: P.sent_at > "2026", "sent_at", "datetime", "'2026'", AWARE),
    (lambda: P.sent_at > NAIVE, "sent_at", "datetime", "datetime.datetime(2026, 1, 1, 0, 0)", AWARE),
    (lambda: P.due == "2026-01-08", "due", "date", "'2026-01-08'", "Compare it with a date"),
    (lambda: P.took > 5, "took", "timedelta", "5", "Compare it with a timedelta"),
    (lambda: P.size == "huge", "size", "Size", "'huge'", "Compare it with a member of Size"),
    (lambda: P.size.like("l%"), "size", "Size", "'l%'", SEARCHED),
    (lambda: P.speed == "swift", "speed", "Literal['slow', 'fast']", "'swift'", ADMITTED),
    (lambda: P.price == "2.50", "price", "Decimal", "'2.50'", "Compare it with a Decimal"),
    (lambda: P.price == P.number, "price", "Decimal", "Parcel.number", ALIKE),
    (lambda: P.label == "mind", "label", "Label", "'mind'", ADMITTED),
    (lambda: P.stops > ["Ghent"], "stops", "list[str]", "['Ghent']", UNORDERED),
]


@pytest.mark.parametrize(("criterion", "field", "declared", "value", "remedy"), WRONG)
def test_what_a_column_never_is_is_refused_with_its_name(
    parcels: App, criterion: Callable[[], Any], field: str, declared: str, value: str, remedy: str
) -> None:
    text = f"Parcel.{field} is declared as {declared}, and is never compared with {value}. {remedy}."
    with pytest.raises(NotComparable) as refused:
        parcels.query(select(Parcel).where(or_(P.number == 1, criterion())))
    assert str(refused.value) == text
    with pytest.raises(NotComparable, match=re.escape(text)), parcels.transaction() as tx:
        tx.update_where(Parcel, criterion(), name="urn")


def test_a_wrong_value_is_found_wherever_it_stands(parcels: App) -> None:
    inner = aliased(Parcel)
    for statement in (
        select(Parcel).join(inner, col(inner.number) == "7"),
        select(Parcel).where(P.id.in_(select(inner.id).where(col(inner.number) == "7"))),
        select(func.count()).select_from(Parcel).where(~(P.number == "7")),
        select(P.size).group_by(P.size).having(func.count() > 1, P.size == "huge"),
    ):
        with pytest.raises(NotComparable):
            parcels.query(statement)


@pytest.mark.parametrize(
    ("say", "right", "wrong"),
    [
        (lambda one: P.number == one, [7, 8.0, True - 0], ["7", True, b"7"]),
        (lambda many: P.number.in_(many), [[7], [8, 9], []], [["7"], [7, True]]),
        (lambda pair: P.due.between(*pair), [(date.min, date.max)], [(date.min, 7), ("7", date.max)]),
        (
            lambda pair: or_(P.name == pair[0], P.number == pair[1]),
            [("a", 7)],
            [("a", "7"), (7, 7), (7, "a")],
        ),
        (lambda one: P.size == one, ["large", Size.SMALL], ["huge"]),
        (lambda one: P.sent_at > one, [datetime.now(UTC)], [NAIVE]),
        (lambda one: P.stops == one, [["a"]], [["a", 7]]),
    ],
)
def test_each_value_is_looked_at_however_often_the_same_was_asked(
    parcels: App, say: Callable[[Any], Any], right: list[Any], wrong: list[Any]
) -> None:
    """What a statement speaks of is remembered by its form; its values are no part of that."""
    for good in right * 2:
        parcels.query(select(Parcel.id).where(say(good)))
    for bad in wrong:
        with pytest.raises(NotComparable):
            parcels.query(select(Parcel.id).where(say(bad)))
        parcels.query(select(Parcel.id).where(say(right[0])))


@pytest.mark.parametrize(
    "criterion",
    [
        lambda: P.number == 7.0,
        lambda: P.number < Decimal("7.5"),
        lambda: P.number + P.held == 7,
        lambda: P.name.startswith("va"),
        lambda: P.name.in_(["vase", "urn"]),
        lambda: P.fragile == True,  # noqa: E712
        lambda: P.inside_id == None,  # noqa: E711
        lambda: P.inside_id.is_distinct_from(P.id),
        lambda: P.sent_at == datetime.fromisoformat("2026-01-01T01:00+01:00"),
        lambda: P.due.between(date(2026, 1, 1), date(2026, 1, 31)),
        lambda: P.size == "large",
        lambda: P.size != Size.SMALL,
        lambda: P.speed == "fast",
        lambda: P.speed != "slow",
        lambda: P.speed.in_(["fast", "slow"]),
        lambda: P.speed.not_in(["slow"]),
        lambda: P.price == Decimal("2.5"),
        lambda: P.price * 2 > P.price,
        lambda: P.label == Label(text="mind"),
        lambda: P.stops == ["Ghent", "Bruges"],
        lambda: P.stops != ["Bruges", "Ghent"],
    ],
)
def test_what_it_may_be_is_found_on_all_databases(app: App, criterion: Callable[[], Any]) -> None:
    assert len(app.query(select(Parcel).where(criterion()))) == 1
    with app.transaction() as tx:
        assert tx.update_where(Parcel, criterion(), name="urn") == 1


def test_a_number_that_no_column_keeps_is_another_mistake(app: App) -> None:
    with pytest.raises(NumberTooLarge):
        app.query(select(Parcel).where(P.number == 2**70))
    with pytest.raises(
        DoesNotFit, match=r"2\.505 does not fit into Parcel\.price, which keeps 2 decimal places"
    ):
        app.query(select(Parcel).where(P.price == Decimal("2.505")))


class Crate(Entity, table=True):
    holds: dict[str, Any] = Field(default_factory=dict)
    before: dict[str, Any] | None = None


HOLDS = {"vases": 2, "urns": {"old": 1.5, "new": [1, 2]}, "lids": None}
TURNED = {"lids": None, "urns": {"new": [1, 2], "old": 1.5}, "vases": 2.0}
H: Any = Crate.holds


@pytest.mark.parametrize(
    ("criterion", "count"),
    [
        (lambda: H == TURNED, 1),
        (lambda: H != TURNED, 1),
        (lambda: H.in_([{"vases": 3}, TURNED]), 1),
        (lambda: H.not_in([TURNED]), 1),
        (lambda: Crate.before == H, 1),
        (lambda: H == TURNED | {"urns": {"new": [2, 1], "old": 1.5}}, 0),
        (lambda: H == TURNED | {"lids": False}, 0),
        (lambda: H == TURNED | {"vases": True}, 0),
        (lambda: H == {"vases": 2}, 0),
    ],
)
def test_json_is_what_it_means_in_whatever_order_its_keys_are(
    crates: App, criterion: Callable[[], Any], count: int
) -> None:
    assert len(crates.query(select(Crate).where(criterion()))) == count
    with crates.transaction() as tx:
        assert tx.update_where(Crate, criterion(), before=None) == count


@pytest.fixture
def crates(database_url: str) -> Iterator[App]:
    with opened(App([[Crate]], database=database_url)) as app:
        with app.transaction() as tx:
            tx.add(Crate(holds=HOLDS, before=TURNED))
            tx.add(Crate(holds={}, before=TURNED))
        yield app
