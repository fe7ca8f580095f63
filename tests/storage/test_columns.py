"""What the engine writes is what SQLModel reads, and the other way round, for every type of column."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from typing import Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from framework import Entity, Formula, Global, Max, Min, Payload, computed
from framework.app import App, opened
from tests.schemas import schema
from tests.soak import examples


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Size(IntEnum):
    SMALL = 9
    LARGE = 10


class Mixed(Enum):
    ONE = "1"
    TWO = "zwei"


class Point(Payload):
    x: int
    y: float = 0.0
    tags: tuple[str, ...] = ()
    at: datetime | None = None


Cents = NewType("Cents", int)


class Sample(Entity, table=True):
    uuid: UUID | None = None
    text: str | None = None
    number: int | None = None
    cents: Cents | None = None
    yes: bool | None = None
    real: float | None = None
    raw: bytes | None = None
    moment: datetime | None = None
    day: date | None = None
    colour: Colour | None = None
    size: Size | None = None
    mixed: Mixed | None = None
    choice: Literal["a", "b"] | None = None
    point: Point | None = None
    points: list[Point] | None = None
    mapping: dict[str, int] | None = None
    anything: Any = None
    either: int | str | None = None
    copied: datetime | None = computed(Formula(lambda sample: sample.moment))


class Extremes(Global, table=True):
    largest: Size | None = computed(Max(Sample, lambda sample: sample.size))
    first_day: date | None = computed(Min(Sample, lambda sample: sample.day))
    last_moment: datetime | None = computed(Max(Sample, lambda sample: sample.moment))
    least_text: str | None = computed(Min(Sample, lambda sample: sample.text))
    greatest_id: UUID | None = computed(Max(Sample, lambda sample: sample.uuid))
    least_real: float | None = computed(Min(Sample, lambda sample: sample.real))


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with opened(App([[Sample, Extremes]])) as app:
        yield app


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def each(request: pytest.FixtureRequest) -> Iterator[App]:
    """The App on a database of each kind in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("app")
        return
    with (
        schema(request.getfixturevalue("postgres")) as url,
        opened(App([[Sample, Extremes]], database=url)) as app,
    ):
        yield app


WITH_NUL = "a\x00b"
TOKYO = timezone(timedelta(hours=9))
VALUES: list[tuple[str, Any]] = [
    ("uuid", UUID(int=1)),
    ("uuid", UUID(int=2**128 - 1)),
    ("text", ""),
    ("text", "ä 'quoted' \"twice\" \n \U0001f600"),
    ("text", WITH_NUL),
    ("number", 0),
    ("number", -(2**63)),
    ("number", 2**63 - 1),
    ("cents", 1999),
    ("yes", True),
    ("yes", False),
    ("real", 0.1),
    ("real", -1e308),
    ("real", 5.0),
    ("raw", b""),
    ("raw", bytes(range(256))),
    ("moment", datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC)),
    ("moment", datetime(2026, 3, 1, 8, 30, tzinfo=TOKYO)),
    ("moment", datetime(1, 1, 2, tzinfo=UTC)),
    ("day", date(2024, 2, 29)),
    ("colour", Colour.GREEN),
    ("size", Size.LARGE),
    ("mixed", Mixed.TWO),
    ("choice", "b"),
    ("point", Point(x=1)),
    ("point", Point(x=1, y=0.5, tags=("a", "b"), at=datetime(2026, 1, 1, tzinfo=UTC))),
    ("points", []),
    ("points", [Point(x=1), Point(x=2)]),
    ("mapping", {}),
    ("mapping", {"ä": 1, "b": -2}),
    ("anything", [1, {"a": None}, "x", True]),
    ("anything", ""),
    ("anything", 0),
    ("either", 5),
    ("either", "5"),
]


def fit(app: App, value: Any) -> App:
    if value == WITH_NUL and app.url.startswith("postgresql"):
        pytest.skip("PostgreSQL keeps no NUL in a text; the engine says so")
    return app


@pytest.mark.parametrize(("field", "value"), [*VALUES, *((name, None) for name, _ in VALUES)])
def test_the_engine_and_the_orm_read_what_the_engine_wrote(each: App, field: str, value: Any) -> None:
    app = fit(each, value)
    with app.transaction() as tx:
        id = tx.add(Sample(**{field: value})).id
    (by_orm,) = app.query(select(Sample).where(Sample.id == id))
    assert getattr(by_orm, field) == value
    assert type(getattr(by_orm, field)) is type(value)
    by_engine = app.get(Sample, id)
    assert getattr(by_engine, field) == value
    assert type(getattr(by_engine, field)) is type(value)
    assert by_engine.model_dump() == by_orm.model_dump()
    assert app.verify() == []


COMPOSITE = {"point", "points", "mapping", "anything", "either", "choice"}


@pytest.mark.parametrize(("field", "value"), [pair for pair in VALUES if pair[0] not in COMPOSITE])
def test_a_query_finds_records_by_the_values_that_the_engine_wrote(each: App, field: str, value: Any) -> None:
    app = fit(each, value)
    with app.transaction() as tx:
        id = tx.add(Sample(**{field: value})).id
    found = app.query(select(Sample.id).where(getattr(Sample, field) == value))
    assert id in found


@pytest.mark.parametrize(("field", "value"), VALUES)
def test_the_engine_reads_what_the_orm_wrote(app: App, field: str, value: Any) -> None:
    record = Sample(**{field: value})
    with Session(app.engine.database.reader) as session:
        session.add(record)
        id = record.id
        session.commit()
    read = app.get(Sample, id)
    assert getattr(read, field) == value
    assert type(getattr(read, field)) is type(value)
    with app.transaction() as tx:
        tx.delete(Sample, id)


def test_moments_are_in_utc_and_sort_as_text(app: App) -> None:
    with app.transaction() as tx:
        id = tx.add(Sample(moment=datetime(2026, 3, 1, 8, 30, tzinfo=TOKYO))).id
    assert app.get(Sample, id).moment.tzinfo is UTC  # type: ignore[union-attr]  # it was given
    with app.engine.database.reading() as connection:
        (stored,) = connection.row("SELECT moment FROM sample WHERE id = ?", [id.hex])
    assert stored == "2026-02-28T23:30:00.000000+00:00"


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "size": st.none() | st.sampled_from(Size),
                "day": st.none() | st.dates(),
                "moment": st.none() | st.datetimes(min_value=datetime(2, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
                "text": st.none() | st.text(max_size=4),
                "uuid": st.none() | st.uuids(),
                "real": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            }
        ),
        max_size=8,
    ),
    st.integers(0, 8),
)
@examples(60, soak=1000)
def test_the_database_orders_values_as_python_does(rows: list[dict[str, Any]], gone: int) -> None:
    with opened(App([[Sample, Extremes]])) as app:
        with app.transaction() as tx:
            ids = [tx.add(Sample(**row)).id for row in rows]
        with app.transaction() as tx:
            for id in ids[:gone]:
                tx.delete(Sample, id)
        left = rows[gone:]
        extremes = app.get(Extremes)

        def of(name: str) -> list[Any]:
            return [row[name] for row in left if row[name] is not None]

        assert extremes.largest == max(of("size"), default=None)
        assert extremes.first_day == min(of("day"), default=None)
        assert extremes.last_moment == max(of("moment"), default=None)
        assert extremes.least_text == min(of("text"), default=None)
        assert extremes.greatest_id == max(of("uuid"), default=None)
        assert extremes.least_real == min(of("real"), default=None)
        assert app.verify() == []
