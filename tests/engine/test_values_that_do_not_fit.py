"""What a callback gives and the property is not declared as is refused, on each database alike."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Entity, Field, Formula, Latest, Payload, Relationship, computed
from framework.app import App, opened
from framework.storage.fitting import WrongValue

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Mood(StrEnum):
    CALM = "calm"


class Note(Payload):
    text: str


class Given:
    """What the next callback gives, by property."""

    values: dict[str, Any]


class Answer(Entity, table=True):
    question_id: UUID = Field(foreign_key="question.id")


class Question(Entity, table=True):
    text: str = ""
    answers: list[Answer] = Relationship()

    number: int | None = computed(Formula(lambda question: given("number"), reads=("text",)))
    words: str | None = computed(Formula(lambda question: given("words"), reads=("text",)))
    holds: bool | None = computed(Formula(lambda question: given("holds"), reads=("text",)))
    ratio: float | None = computed(Formula(lambda question: given("ratio"), reads=("text",)))
    price: Annotated[Decimal, Field(decimal_places=2)] | None = computed(
        Formula(lambda question: given("price"), reads=("text",))
    )
    mood: Mood | None = computed(Formula(lambda question: given("mood"), reads=("text",)))
    at: datetime | None = computed(Formula(lambda question: given("at"), reads=("text",)))
    on: date | None = computed(Formula(lambda question: given("on"), reads=("text",)))
    note: Note | None = computed(Formula(lambda question: given("note"), reads=("text",)))
    parts: list[int] | None = computed(Formula(lambda question: given("parts"), reads=("text",)))
    newest: int | None = computed(Latest(answers, lambda answer: given("newest"), reads=("id",)))


def given(name: str) -> Any:
    return Given.values.get(name)


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    Given.values = {}
    with opened(App([[Answer, Question]], database=database_url)) as app:
        yield app
        Given.values = {}


MISFITS = {
    "number": ["7", 7.0, True, Decimal(7), NOW],
    "words": [7, b"seven", NOW, ["seven"]],
    "holds": [1, "yes"],
    "ratio": ["7", True, Decimal("0.5")],
    "price": ["1.20", True],
    "mood": ["calm", 1],
    "at": ["2026-01-02", date(2026, 1, 2), datetime(2026, 1, 2)],  # noqa: DTZ001  # that is the point
    "on": [NOW, "2026-01-02"],
    "note": [{"text": "hi"}, "hi", Mood.CALM],
    "parts": [["one"], "12"],
}
FITTING = {
    "number": 7, "words": Mood.CALM, "holds": False, "ratio": 7, "price": Decimal("1.20"), "mood": Mood.CALM,
    "at": NOW, "on": date(2026, 1, 2), "note": Note(text="hi"), "parts": [1, 2],
}  # fmt: skip


def test_a_value_of_another_type_is_refused_and_takes_all_back(app: App) -> None:
    for name, values in MISFITS.items():
        for value in values:
            Given.values = {name: value}
            with pytest.raises(WrongValue, match=rf"question\.{name} would be a .* declared as"):
                with app.transaction() as tx:
                    tx.add(Question())
    assert app.query(select(Question)) == []


def test_what_fits_is_stored_as_it_is(app: App) -> None:
    Given.values = FITTING
    with app.transaction() as tx:
        question = tx.add(Question()).id
    found = app.get(Question, question)
    assert {name: getattr(found, name) for name in FITTING} == FITTING
    assert app.verify() == []


def test_the_error_names_the_property_and_both_types_and_not_the_value(app: App) -> None:
    with app.transaction() as tx:
        question = tx.add(Question()).id
    Given.values = {"newest": "secret"}
    with pytest.raises(WrongValue) as refused, app.transaction() as tx:
        tx.add(Answer(question_id=question))
    assert str(refused.value) == (
        "question.newest would be a str, but is declared as int. Let its computation give that, or annotate "
        "the property as what it gives."
    )
    assert app.query(select(Answer)) == []
