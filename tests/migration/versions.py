"""A small shop in versions: whatever it declares can be there, be otherwise, or not be there."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel import select

from framework import (
    Average,
    Collect,
    Count,
    Custom,
    Entity,
    Event,
    Every,
    Field,
    First,
    Formula,
    Global,
    Latest,
    Lookup,
    Max,
    Min,
    Relationship,
    Sequence,
    StateMachine,
    Sum,
    Transition,
    computed,
    derive,
    on,
)
from framework.app import App


class Light(StrEnum):
    OFF = "off"
    ON = "on"


@dataclass(frozen=True)
class Version:
    """What the shop declares. Of each: 0 is without, other numbers are ways to declare it."""

    total: int = 1  # Sum, filtered Sum, Count
    mean: int = 0  # Average
    dearest: int = 0  # Max, Min
    latest: int = 0  # Latest, First
    names: int = 0  # Collect
    odd: int = 0  # Custom
    every: int = 0  # Every
    label: int = 0  # Formula, over what is computed
    holder: int = 0  # Lookup
    light: int = 0  # StateMachine, over events
    number: int = 0  # Sequence
    lines: int = 0  # a rule that keeps entities equal
    parcels: int = 0  # a rule from an event to entities
    shop: int = 1  # a Global with totals of totals
    note: int = 0  # a fact with a default
    unique: int = 0
    indexed: int = 0

    def with_(self, name: str, value: int) -> "Version":
        changes: dict[str, Any] = {name: value}
        return replace(self, **changes)


WAYS = {
    "total": 3, "mean": 2, "dearest": 2, "latest": 2, "names": 2, "odd": 2, "every": 2, "label": 2,
    "holder": 2, "light": 1, "number": 1, "lines": 2, "parcels": 1, "shop": 2, "note": 1, "unique": 1,
    "indexed": 1,
}  # fmt: skip
"""How many ways there are to declare each part."""

TOTAL = {
    1: lambda items: Sum(items, lambda i: i.price),
    2: lambda items: Sum(items, lambda i: i.price, where=lambda i: i.name != "b"),
    3: lambda items: Count(items),
}
MEAN = {
    1: lambda items: Average(items, lambda i: i.price),
    2: lambda items: Average(items, lambda i: i.price, missing=0),
}
EVERY = {
    1: lambda items: Every(items, lambda i: i.price is not None),
    2: lambda items: Every(items, lambda i: i.price is not None, empty=False),
}


def module(v: Version) -> list[Any]:
    """The classes and rules of a version."""

    class Press(Event, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    class ParcelSent(Event, table=True):
        weight: int

    class Item(Entity, table=True):
        order_id: UUID | None = Field(default=None, foreign_key="order.id", ondelete="CASCADE")
        name: str
        price: int | None = None
        if v.note:
            note: str = Field(default="none", index=bool(v.indexed))

    class Order(Entity, table=True):
        customer_id: UUID | None = Field(default=None, foreign_key="customer.id")
        code: str = Field(unique=bool(v.unique), index=bool(v.indexed and not v.unique))
        items: list[Item] = Relationship()
        customer: "Customer" = Relationship(back_populates="orders")

        if v.total:
            total: int = computed(TOTAL[v.total](items))
        if v.mean:
            mean: float | None = computed(MEAN[v.mean](items))
        if v.every:
            every: bool = computed(EVERY[v.every](items))
        if v.dearest == 1:
            dearest: int | None = computed(Max(items, lambda i: i.price))
        if v.dearest == 2:
            dearest: str | None = computed(Min(items, lambda i: i.name))  # type: ignore[no-redef]
        if v.latest == 1:
            latest: str | None = computed(Latest(items, lambda i: i.name))
        if v.latest == 2:
            latest: int | None = computed(First(items, lambda i: i.price))  # type: ignore[no-redef]
        if v.names == 1:
            names: list[str] = computed(Collect(items, lambda i: i.name, limit=2))
        if v.names == 2:
            names: list[int] = computed(Collect(items, lambda i: i.price, limit=3))  # type: ignore[no-redef]
        if v.odd == 1:
            odd: int = computed(Custom(lambda o: sum((i.price or 0) % 2 for i in o.items), reads=("items",)))
        if v.odd == 2:
            odd: list[int] = computed(  # type: ignore[no-redef]
                Custom(lambda o: sorted(i.price or 0 for i in o.items), reads=("items.price",))
            )
        if v.label == 1 or (v.label and not v.total):
            label: str = computed(Formula(lambda o: o.code.upper()))
        elif v.label == 2:
            label: str = computed(Formula(lambda o: f"{o.code}:{o.total}"))  # type: ignore[no-redef]
        if v.holder == 1:
            holder: str | None = computed(Lookup(customer, lambda c: c.name))
        if v.holder == 2:
            holder: int | None = computed(Lookup(customer, lambda c: c.orders_count))  # type: ignore[no-redef]
        if v.light:
            light: Light = computed(
                StateMachine(
                    Light.OFF,
                    Transition(Light.OFF, Light.ON, when=on(Press)),
                    Transition(Light.ON, Light.OFF, when=on(Press)),
                )
            )
        if v.number:
            number: int = computed(Sequence(per=("customer_id",)))

    class Customer(Entity, table=True):
        name: str
        orders: list[Order] = Relationship(back_populates="customer")

        orders_count: int = computed(Count(orders))
        if v.total:
            spent: int = computed(Sum(orders, lambda o: o.total))

    class Line(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
        text: str

    class Parcel(Entity, table=True):
        weight: int

    class Shop(Global, table=True):
        orders: int = computed(Count(Order))
        if v.total:
            revenue: int = computed(Sum(Order, lambda o: o.total))
        if v.shop == 2:
            lines: int = computed(Count(Line))

    @derive
    def lines_of(order: Order) -> list[Line]:
        count = 1 if v.lines == 1 else len(order.code) % 3
        return [Line(order_id=order.id, text=f"{order.code} {n}") for n in range(count)]

    @derive
    def parcel(sent: ParcelSent) -> Parcel | None:
        return Parcel(id=sent.id, weight=sent.weight) if sent.weight else None

    found: list[Any] = [Press, ParcelSent, Item, Order, Customer, Line, Parcel]
    return [
        *found,
        *([Shop] if v.shop else []),
        *([lines_of] if v.lines else []),
        *([parcel] if v.parcels else []),
    ]


def populate(app: App, days: range) -> None:
    """Let the same happen as in every other shop in which it does."""
    press, sent, item, order, customer = (
        app.plan.named(name).model for name in ("Press", "ParcelSent", "Item", "Order", "Customer")
    )
    for day in days:
        with app.transaction() as tx:
            tx.add(customer(id=_id(1, day), name=f"ada{day}"))
            for n in range(3):
                owner = _id(1, day) if n else None
                tx.add(order(id=_id(2, day, n), code=f"c{day}-{n}" + n * "!", customer_id=owner))
                for i in range((day + n) % 4):
                    price = None if i == 2 else day * n + i
                    tx.add(item(id=_id(3, day, n, i), order_id=_id(2, day, n), name="abc"[i], price=price))
            tx.add(item(id=_id(4, day), name="stray", price=day))
        for n in range(day % 3):
            app.dispatch(press(id=_id(5, day, n), order_id=_id(2, day, 1)))
        app.dispatch(sent(id=_id(6, day), weight=day % 2))


def _id(kind: int, day: int, n: int = 0, i: int = 0) -> UUID:
    """Ids in the order of their making, the same in each shop."""
    return UUID(hex=f"{day:08x}{kind:04x}{n:04x}{i:04x}{0:012x}")


def content(app: App) -> dict[str, list[dict[str, Any]]]:
    """All records, but for what each shop makes of its own: moments, and ids of lines.

    Parcels that a rule has made stay when it goes; without it they are not looked at.
    """
    found = {}
    for shape in app.plan.shapes.values():
        if shape.name == "Parcel" and not shape.makers:
            continue
        own = {"id"} if shape.name == "Line" else {"at"}
        rows = [one.model_dump(exclude=own) for one in app.query(select(shape.model))]
        found[shape.name] = sorted(rows, key=lambda row: str(sorted(row.items())))
    return found
