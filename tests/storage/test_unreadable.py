"""What another program stored, and no value of its type, is named by its place and not shown."""

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
from sqlmodel import select

from framework import Entity, Field, Payload
from framework.app import App, opened
from framework.model.columns import UnreadableResult
from framework.storage.errors import UnreadableValue


class Size(StrEnum):
    SMALL = "small"


class Label(Payload):
    text: str


class Parcel(Entity, table=True):
    size: Size = Size.SMALL
    label: Label | None = None
    on: date | None = None
    at: datetime | None = None
    took: timedelta | None = None
    price: Annotated[Decimal, Field(decimal_places=2)] | None = None


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(App([[Parcel]], database=f"sqlite:///{tmp_path}/parcels.db")) as app:
        yield app


@pytest.mark.parametrize("column", ["on", "at", "took", "price"])
@pytest.mark.parametrize("value", ["secret", b"secret"])
def test_a_value_of_another_type_is_named_by_its_place(app: App, column: str, value: Any) -> None:
    with app.transaction() as tx:
        parcel = tx.add(Parcel()).id
    with sqlite3.connect(app.url.removeprefix("sqlite:///")) as connection:
        connection.execute(f'UPDATE parcel SET "{column}" = ?', [value])
    with pytest.raises(UnreadableValue, match=f"{column} of parcel {parcel} cannot be read") as refusal:
        app.get(Parcel, parcel)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("size", "secret", "the Size that it is declared as now: it is none of its members"),
        (
            "label",
            '{"text": ["secret"]}',
            "the Label that it is declared as now: text: Input should be",
        ),
    ],
)
def test_a_query_does_not_show_a_value_that_it_cannot_read(
    app: App, column: str, value: str, said: str
) -> None:
    with app.transaction() as tx:
        tx.add(Parcel())
    with sqlite3.connect(app.url.removeprefix("sqlite:///")) as connection:
        connection.execute(f'UPDATE parcel SET "{column}" = ?', [value])
    with pytest.raises(UnreadableResult, match=said) as refusal:
        app.query(select(Parcel))
    assert "secret" not in str(refusal.value)
