"""Test mode: what a callback reads without saying so would leave its value stale, and raises."""

from typing import Any
from uuid import UUID

import pytest

from framework import Count, Entity, Field, Formula, Relationship, Sum, computed, derive
from framework.app import App, Settings, opened
from framework.plan.strict import UndeclaredRead


def priced(record: Any) -> int:
    """Code that the plan cannot follow: it gets the whole record."""
    return int(record.price * record.quantity)


class Line(Entity, table=True):
    cart_id: UUID = Field(foreign_key="cart.id")
    price: int
    quantity: int = 1


class Cart(Entity, table=True):
    lines: list[Line] = Relationship()
    lying: int = computed(Sum(lines, lambda line: priced(line), reads=("price",)))
    honest: int = computed(Sum(lines, lambda line: priced(line), reads=("price", "quantity")))
    size: int = computed(Count(lines))
    label: str = computed(Formula(lambda cart: f"{cart.size} lines"))


class Parcel(Entity, table=True):
    size: int


@derive(reads=[Cart.size])
def parcel(cart: Cart) -> Parcel | None:
    return Parcel(size=cart.size) if cart.size else None


def shop(database_url: str, *, strict: bool) -> App:
    return App([[Line, Cart, Parcel, parcel]], database=database_url, settings=Settings(strict_reads=strict))


def test_an_undeclared_read_raises_and_stores_nothing(database_url: str) -> None:
    with opened(shop(database_url, strict=True)) as app:
        with app.transaction() as tx:
            cart = tx.add(Cart())
        with pytest.raises(UndeclaredRead, match=r"Cart\.lying read 'quantity', which it does not declare"):
            with app.transaction() as tx:
                tx.add(Line(cart_id=cart.id, price=5))
        assert app.get(Cart, cart.id).size == 0


def test_without_test_mode_the_value_is_there_and_goes_stale(database_url: str) -> None:
    with opened(shop(database_url, strict=False)) as app:
        with app.transaction() as tx:
            cart = tx.add(Cart())
            line = tx.add(Line(cart_id=cart.id, price=5))
        with app.transaction() as tx:
            tx.update(line, quantity=3)
        kept = app.get(Cart, cart.id)
        assert (kept.honest, kept.label, app.get(Cart, cart.id).size) == (15, "1 lines", 1)
