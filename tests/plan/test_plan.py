"""The plan: heights, who is woken by what, and Apps that share nothing."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from framework import (
    Average,
    Count,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    Lookup,
    Max,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    computed,
    derive,
    on,
)
from framework.app import App
from framework.plan.plan import Plan, compile_plan
from framework.runtime.errors import NotARecordOfThisApp


class Item(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
    price: int = 0


class Order(Entity, table=True):
    customer_id: UUID = Field(foreign_key="customer.id")
    items: list[Item] = Relationship()
    count: int = computed(Count(items))
    total: int = computed(Sum(items, lambda item: item.price))
    mean: float | None = computed(Average(items, lambda item: item.price))
    dear: bool = computed(Formula(lambda order: order.total > 10))
    label: str = computed(Formula(lambda order: "dear" if order.dear else "cheap"))


class Customer(Entity, table=True):
    name: str
    orders: list[Order] = Relationship()
    total: int = computed(Sum(orders, lambda order: order.total))
    dear: int = computed(Count(orders, where=lambda order: order.label == "dear"))


class Totals(Global, table=True):
    best: int | None = computed(Max(Customer, lambda customer: customer.total))


def heights(plan: Plan) -> dict[str, int]:
    return {name: node.height for node in plan.nodes for name in node.name.split(" + ")}


def test_a_property_is_higher_than_all_that_it_reads() -> None:
    assert heights(compile_plan([[Item, Order, Customer, Totals]])) == {
        "Order.count": 1,
        "Order.total": 1,
        "Order.mean": 1,
        "Order.dear": 2,
        "Order.label": 3,
        "Customer.total": 2,
        "Customer.dear": 4,
        "Totals.best": 3,
    }


def test_what_moves_together_is_one_step() -> None:
    names = [node.name for node in compile_plan([[Item, Order, Customer, Totals]]).nodes]
    assert "Order.count + Order.total + Order.mean" in names


def test_the_order_of_declarations_does_not_matter() -> None:
    one = heights(compile_plan([[Item, Order, Customer, Totals]]))
    assert heights(compile_plan([[Totals], [Customer, Order], [Item]])) == one


def test_what_a_rule_makes_is_higher_than_what_it_reads() -> None:
    class Source(Entity, table=True):
        n: int = 0
        double: int = computed(Formula(lambda source: source.n * 2))

    class Copy(Entity, table=True):
        source_id: UUID = Field(foreign_key="source.id")
        n: int = 0

    class All(Global, table=True):
        copies: int = computed(Count(Copy))

    @derive(reads=[Source.double])
    def copy(source: Source) -> Copy:
        return Copy(source_id=source.id, n=source.double)

    assert heights(compile_plan([[Source, Copy, All, copy]])) == {
        "Source.double": 1,
        "rule copy": 2,
        "All.copies": 3,
    }


def test_a_long_chain_compiles() -> None:
    class Link(Entity, table=True):
        f0: int = 0
        f1: int = computed(Formula(lambda link: link.f0 + 1))
        f2: int = computed(Formula(lambda link: link.f1 + 1))
        f3: int = computed(Formula(lambda link: link.f2 + 1))

    assert heights(compile_plan([[Link]])) == {"Link.f1": 1, "Link.f2": 2, "Link.f3": 3}


class Node(Entity, table=True):
    """A tree: both sides of one relation of a class with itself."""

    name: str = ""
    parent_id: UUID | None = Field(default=None, foreign_key="node.id", ondelete="CASCADE")
    parent: "Node" = Relationship(
        back_populates="children", sa_relationship_kwargs={"remote_side": "Node.id"}
    )
    children: list["Node"] = Relationship(back_populates="parent")
    count: int = computed(Count(children))
    above: str | None = computed(Lookup(parent, lambda node: node.name))


def test_a_relation_of_a_class_with_itself_has_two_sides() -> None:
    app = App([[Node]])
    app.create()
    with app.transaction() as tx:
        root = tx.add(Node(name="root"))
        left, right = tx.add(Node(name="left", parent_id=root.id)), tx.add(Node(parent_id=root.id))
    assert [app.get(Node, one.id).count for one in (root, left, right)] == [2, 0, 0]
    assert [app.get(Node, one.id).above for one in (root, left, right)] == [None, "root", "root"]
    with app.transaction() as tx:
        tx.update(root, name="top")
        tx.update(right, parent_id=left.id)
    assert [app.get(Node, one.id).count for one in (root, left, right)] == [1, 1, 0]
    assert [app.get(Node, one.id).above for one in (root, left, right)] == [None, "top", "left"]
    assert app.verify() == []


class Switch(StrEnum):
    OFF = "off"
    ON = "on"


def test_an_event_moves_the_machine_of_the_one_global() -> None:
    class Opened(Event, table=True):
        by: str

    class House(Global, table=True):
        light: Switch = computed(StateMachine(Switch.OFF, Transition(Switch.OFF, Switch.ON, when=on(Opened))))

    app = App([[Opened, House]])
    app.create()
    app.dispatch(Opened(by="ada"))
    assert app.get(House).light is Switch.ON
    assert app.verify() == []


def scope(factor: int) -> list[Any]:
    """The same names, declared again."""

    class Thing(Entity, table=True):
        n: int = 0
        product: int = computed(Formula(lambda thing: thing.n * factor))

    return [Thing]


def test_the_same_names_in_two_scopes_share_nothing() -> None:
    (one,), (other,) = scope(2), scope(3)
    first, second = App([[one]]), App([[other]])
    first.create()
    second.create()
    with first.transaction() as tx:
        a = tx.add(one(n=5))
    with second.transaction() as tx:
        b = tx.add(other(n=5))
    assert first.get(one, a.id).product == 10
    assert second.get(other, b.id).product == 15
    with pytest.raises(NotARecordOfThisApp), first.transaction() as tx:
        tx.add(other(n=1))


def test_one_class_in_two_apps_counts_for_each_by_itself() -> None:
    class Sale(Entity, table=True):
        price: int

    class Books(Global, table=True):
        best: int | None = computed(Max(Sale, lambda sale: sale.price))

    class Till(Global, table=True):
        total: int = computed(Sum(Sale, lambda sale: sale.price))

    books, till = App([[Sale, Books]]), App([[Sale, Till]])
    for app in (books, till):
        app.create()
    for app, prices in ((books, (3, 9)), (till, (1, 2))):
        with app.transaction() as tx:
            for price in prices:
                tx.add(Sale(price=price))
    assert books.get(Books).best == 9
    assert till.get(Till).total == 3
    columns = [
        {column.name for column in app.engine.database.tables.of[app.plan.shape(Sale)].columns}
        for app in (books, till)
    ]
    assert columns == [{"id", "price", "_books_best"}, {"id", "price"}]


def test_declaring_runs_nothing_and_opens_nothing(tmp_path: Any) -> None:
    App([[Item, Order, Customer, Totals]], database=f"sqlite:///{tmp_path}/shop.db")
    assert list(tmp_path.iterdir()) == []
