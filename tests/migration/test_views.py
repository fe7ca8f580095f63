"""What belongs to a view is found anew when its condition changes."""

from collections.abc import Callable
from contextlib import closing
from typing import Any
from uuid import UUID

from sqlmodel import select

from framework import (
    Collect,
    Count,
    Custom,
    Entity,
    Field,
    Global,
    Latest,
    Lookup,
    Max,
    Relationship,
    Unique,
    computed,
    derive,
    merged,
    subset,
)
from framework.app import App, opened


def shop(where: Callable[[object], object] | None) -> list[type]:
    class Order(Entity, table=True):
        cents: int = 0

    if where is None:
        return [Order]

    class Big(Order, where=where):
        pass

    class Totals(Global, table=True):
        big: int = computed(Count(Big))

    return [Order, Big, Totals]


def test_a_view_comes_and_changes(database_url: str) -> None:
    before = shop(None)
    app = App([before], database=database_url)
    app.create()
    with app.transaction() as tx:
        for cents in (1, 10, 100):
            tx.add(before[0](cents=cents))
    app.close()
    for least, expected in ((5, 2), (50, 1)):
        declared = shop(lambda order: order.cents > least)  # type: ignore[attr-defined]  # noqa: B023
        app = App([declared], database=database_url)
        app.migrate()
        assert len(app.members(declared[1])) == expected
        assert app.get(declared[2]).big == expected
        assert app.verify() == []
        app.close()


def bills() -> list[Any]:
    class Person(Entity, table=True):
        name: str
        points: int = 0

    class Firm(Entity, table=True):
        name: str
        points: int = 0

    class Bill(Entity, table=True):
        person_id: UUID | None = Field(default=None, foreign_key="person.id")
        firm_id: UUID | None = Field(default=None, foreign_key="firm.id")
        cents: int = 0

    return [Person, Firm, Bill]


def seen_bills() -> list[Any]:
    class Payer(Entity):
        name: str
        points: int = 0

    class Person(Payer, table=True):
        pass

    class Firm(Payer, table=True):
        pass

    class Bill(Entity, table=True):
        person_id: UUID | None = Field(default=None, foreign_key="person.id")
        firm_id: UUID | None = Field(default=None, foreign_key="firm.id")
        cents: int = 0
        person: Person = Relationship()
        firm: Firm = Relationship()
        rich: Person | None = subset(person, lambda person: person.points > 5)
        payer: Payer | None = merged(rich, firm)

        payer_name: str | None = computed(Lookup(payer, lambda payer: payer.name))

    class Totals(Global, table=True):
        by_points: dict[int, int] = computed(Count(Payer, by=lambda payer: payer.points))
        names: list[str] = computed(
            Custom(
                lambda totals, payers: sorted(payer.name for payer in payers),
                over=Payer,
                reads=("Payer.name",),
            )
        )

    return [Person, Firm, Bill, Totals]


def test_views_of_one_record_and_totals_of_several_classes_come(database_url: str) -> None:
    person, firm, bill = bills()
    app = App([[person, firm, bill]], database=database_url)
    app.create()
    with app.transaction() as tx:
        ada, eve = tx.add(person(name="ada", points=9)), tx.add(person(name="eve", points=1))
        acme = tx.add(firm(name="acme", points=9))
        ids = [tx.add(bill(person_id=one.id, firm_id=acme.id)).id for one in (ada, eve)]
        ids.append(tx.add(bill(person_id=eve.id)).id)
    app.close()
    declared = seen_bills()
    app = App([declared], database=database_url)
    assert app.migrate() == []
    assert [app.get(declared[2], id).payer_name for id in ids] == ["ada", "acme", None]
    totals = app.get(declared[3])
    assert (totals.by_points, totals.names) == ({9: 2, 1: 1}, ["acme", "ada", "eve"])
    with app.transaction() as tx:
        tx.update(declared[0], eve.id, points=8)
    assert [app.get(declared[2], id).payer_name for id in ids] == ["ada", "eve", "eve"]
    assert (app.get(declared[3]).by_points, app.verify()) == ({9: 2, 8: 1}, [])
    app.close()


def dear(limited: bool) -> list[Any]:
    class Order(Entity, table=True):
        cents: int = 0

    class Limits(Global, table=True):
        dear: int = 50

    class Notice(Entity, table=True):
        order_id: UUID

    def notice(order: Order, limits: Limits) -> Notice | None:
        return Notice(order_id=order.id) if order.cents > limits.dear else None

    notice.__annotations__ = {"order": Order, "limits": Limits, "return": Notice | None}
    return [Order, Limits, Notice, *([derive(notice)] if limited else [])]


def test_a_new_rule_is_given_its_parameters(database_url: str) -> None:
    before = dear(False)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        orders = [tx.add(before[0](cents=cents)).id for cents in (1, 60, 100)]
        tx.update(before[1], dear=70)
    now = dear(True)
    with closing(App([now], database=database_url)) as app:
        assert app.migrate() == []
        assert [one.order_id for one in app.query(select(now[2]))] == orders[2:]


def sales(narrowed: bool) -> list[Any]:
    class Order(Entity, table=True):
        customer_id: UUID | None = Field(default=None, foreign_key="customer.id")
        cents: int = 0
        paid: bool = False

    class Paid(Order, where=lambda order: order.paid):
        pass

    class Big(Paid if narrowed else Order, where=lambda order: order.cents > 50):  # type: ignore[misc]
        pass

    class Customer(Entity, table=True):
        orders: list[Order] = Relationship()
        paid: list[Any] = subset(orders, Paid)
        big: list[Any] = subset(paid if narrowed else orders, lambda order: order.cents > 50)
        large: list[Any] = subset(orders, Big)

        count: int = computed(Count(big))

    class Totals(Global, table=True):
        big: int = computed(Count(Big))

    return [Order, Paid, Big, Customer, Totals]


def test_a_view_changes_with_what_it_is_a_part_of(database_url: str) -> None:
    order, _, _, customer, totals = before = sales(False)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        id = tx.add(customer()).id
        for cents, paid in ((10, True), (60, True), (70, False), (80, False)):
            tx.add(order(customer_id=id, cents=cents, paid=paid))
    for narrowed, expected in ((True, 1), (False, 3)):
        *_, customer, totals = now = sales(narrowed)
        with closing(App([now], database=database_url)) as app:
            assert app.migrate() == []
            assert (app.get(customer, id).count, app.get(totals).big) == (expected, expected)
            assert len(app.members(now[2])) == expected


def chats(by: str) -> list[Any]:
    class Message(Entity, table=True):
        author_id: UUID = Field(foreign_key="member.id")
        reader_id: UUID = Field(foreign_key="member.id")
        size: int = 1

    one, other = ("author", "reader") if by == "author" else ("reader", "author")

    class Member(Entity, table=True):
        messages: list[Message] = Relationship(sa_relationship_kwargs={"foreign_keys": f"Message.{one}_id"})
        others: list[Message] = Relationship(sa_relationship_kwargs={"foreign_keys": f"Message.{other}_id"})
        long: list[Any] = subset(messages, lambda message: message.size > 1)

        sizes: int = computed(
            Custom(lambda member: sum(one.size for one in member.messages), reads=("messages.size",))
        )
        longer: int = computed(
            Custom(lambda member: sum(one.size for one in member.long), reads=("long.size",))
        )
        count: int = computed(Count(long))

    return [Message, Member]


def test_a_relation_by_another_key_is_another_relation(database_url: str) -> None:
    message, member = before = chats("author")
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        ada, bob = (tx.add(member()).id for _ in range(2))
        for size in (1, 2, 3):
            tx.add(message(author_id=ada, reader_id=bob, size=size))
    _, member = now = chats("reader")
    with closing(App([now], database=database_url)) as app:
        assert app.migrate() == []
        found = [app.get(member, id) for id in (ada, bob)]
        assert [(one.sizes, one.longer, one.count) for one in found] == [(0, 0, 0), (6, 5, 2)]


def shelves(several: bool) -> list[Any]:
    class Thing(Entity):
        cents: int = 0

    class Book(Thing, table=True):
        pass

    class Disc(Thing, table=True):
        pass

    class Totals(Global, table=True):
        count: int = computed(Count(Thing))
        dearest: int | None = computed(Max(Thing, lambda thing: thing.cents))
        latest: int | None = computed(Latest(Thing, lambda thing: thing.cents))
        newest: list[int] = computed(Collect(Thing, lambda thing: thing.cents, limit=2))
        cents: int = computed(
            Custom(
                lambda totals, things: sum(one.cents for one in things), over=Thing, reads=("Thing.cents",)
            )
        )

    return [Book, *([Disc] if several else []), Totals]


def test_a_class_is_extended_by_more_and_by_fewer(database_url: str) -> None:
    book, disc, _ = before = shelves(True)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        tx.add_all([book(cents=1), book(cents=2), disc(cents=5)])
    *_, totals = now = shelves(False)
    with closing(App([now], database=database_url)) as app:
        assert app.migrate(allow_loss=True) == []
        found = app.get(totals)
        assert (found.count, found.dearest, found.latest, found.newest) == (2, 2, 2, [2, 1])
        assert found.cents == 3
    _, disc, totals = again = shelves(True)
    with closing(App([again], database=database_url)) as app:
        assert app.migrate() == []
        with app.transaction() as tx:
            tx.add(disc(cents=7))
        found = app.get(totals)
        assert (found.count, found.dearest, found.latest, found.newest) == (3, 7, 7, [7, 2])
        assert app.verify() == []


def members(**ends: Any) -> list[Any]:
    class Follow(Entity, table=True):
        __table_args__ = (Unique("one_id", "other_id"),)

        one_id: UUID = Field(foreign_key="member.id")
        other_id: UUID = Field(foreign_key="member.id")

    class Member(Entity, table=True):
        friends: list["Member"] = Relationship(link_model=Follow, **ends)

        count: int = computed(Count(friends))

    return [Follow, Member]


def test_a_link_is_seen_from_its_other_end_and_from_both(database_url: str) -> None:
    follow, member = before = members(by="one_id")
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        ids = [tx.add(member()).id for _ in range(3)]
        for other in ids[1:]:
            tx.add(follow(one_id=ids[0], other_id=other))
    ends: list[tuple[dict[str, Any], list[int]]] = [
        ({"by": "other_id"}, [0, 1, 1]),
        ({"symmetric": True}, [2, 1, 1]),
        ({"by": "one_id"}, [2, 0, 0]),
    ]
    for end, expected in ends:
        _, member = now = members(**end)
        with closing(App([now], database=database_url)) as app:
            assert app.migrate(allow_loss=True) == []
            assert [app.get(member, id).count for id in ids] == expected
