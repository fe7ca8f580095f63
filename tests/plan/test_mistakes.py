"""Every mistake in a declaration is found when the App is built, and the message names the way out."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from pydantic import model_validator
from sqlalchemy import true
from sqlmodel import SQLModel, col, select

from framework import (
    Activity,
    Admission,
    APICall,
    Average,
    CallStatus,
    Collect,
    Count,
    Custom,
    Deadline,
    Entity,
    Event,
    Every,
    Field,
    Formula,
    Global,
    IntegrationEvent,
    Lookup,
    Max,
    OnEntry,
    Payload,
    Reader,
    Relationship,
    Renamed,
    Retention,
    Sequence,
    StateMachine,
    Sum,
    Transition,
    Unique,
    all_of,
    any_of,
    became,
    changed,
    completed,
    computed,
    condition,
    created,
    deleted,
    derive,
    guard,
    merged,
    on,
    policy,
    race,
    subset,
    takeover,
)
from framework.app import App, Settings, opened
from framework.errors import DeclarationError
from framework.integration import Completed, Integration
from framework.model.computation import Computation, NotAComputation
from framework.model.record import ForeignIdentity
from framework.model.relation import InheritedRelation
from framework.plan import mistakes


class Light(StrEnum):
    RED = "red"
    GREEN = "green"


class Other(StrEnum):
    RED = "red"


class Nothing(Payload):
    pass


provoked: set[str] = set()


def refusal(*things: object, integrations: Any = (), settings: Settings | None = None) -> str:
    """What the App says when it is built from these declarations."""
    with pytest.raises(DeclarationError) as caught:
        App([list(things)], integrations, settings=settings)
    provoked.add(type(caught.value).__name__)
    return re.sub(r"line \d+", "line N", str(caught.value)).replace(f"{__name__}.", "")


# -- what an App is given ----------------------------------------------------------------------------------


def test_what_is_asked_for_is_a_class() -> None:
    thing: Any = 5
    with pytest.raises(mistakes.NoRecordClass) as wrong:
        App([]).get(thing)
    provoked.add("NoRecordClass")
    assert str(wrong.value) == (
        "5 is no class. Name the class of the record first, and then its id: `app.get(Order, id)`."
    )


def test_something_that_declares_nothing_is_refused() -> None:
    assert refusal("orders") == (
        "'orders' is neither a module, a record class with `table=True`, nor a rule. Pass "
        "App(modules=[...]) modules, or lists of classes and rules."
    )


def test_a_condition_alone_guards_nothing() -> None:
    @condition
    def careful(event: Any, admission: Admission) -> bool:
        return True

    assert refusal(careful) == (
        "The condition careful guards nothing by itself. Give the App what it guards: "
        "`guard(OrderCancelled)(careful)`."
    )


def test_a_record_class_without_a_table_is_refused() -> None:
    class Draft(Entity):
        name: str

    assert refusal(Draft) == (
        "<class 'test_a_record_class_without_a_table_is_refused.<locals>.Draft'> is neither a module, a "
        "record class with `table=True`, nor a rule. Pass App(modules=[...]) modules, or lists of classes "
        "and rules."
    )


def test_two_classes_cannot_share_a_table() -> None:
    class Order(Entity, table=True):
        name: str

    def elsewhere() -> type[Entity]:
        class Order(Entity, table=True):
            name: str

        return Order

    assert refusal(Order, elsewhere()) == (
        "test_two_classes_cannot_share_a_table.<locals>.Order and "
        "test_two_classes_cannot_share_a_table.<locals>.elsewhere.<locals>.Order would both be kept in the "
        "table 'order'. Give one of them a `__tablename__` of its own."
    )


def test_the_engines_own_tables_are_not_for_records() -> None:
    class Move(Entity, table=True):
        __tablename__ = "millrace_move"
        name: str

    assert refusal(Move) == (
        "Move would be kept in the table 'millrace_move', but names that begin with `millrace_` are the "
        "engine's own. Give the class another `__tablename__`."
    )


def test_an_id_is_a_uuid() -> None:
    with pytest.raises(ForeignIdentity) as wrong:

        class Invoice(Entity, table=True):
            id: int  # type: ignore[assignment]  # that is the mistake

    assert str(wrong.value) == (
        "Invoice.id is declared as int, but the id of every record is a UUID. Take the declaration out, and "
        "keep what others call it by in a field of its own, such as `number: int = Field(unique=True)`."
    )


def test_a_foreign_key_needs_its_table_in_the_app() -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    assert refusal(Item) == (
        "Item.order_id refers to 'order.id', but no class of this App is kept in that table. Add its class "
        "to the App's modules, or correct the name."
    )


def test_a_type_without_a_column_is_refused() -> None:
    class Item(Entity, table=True):
        price: Decimal

    assert refusal(Item) == (
        "Item.price is declared as <class 'decimal.Decimal'>, for which there is no column. Use str, int, "
        "bool, float, bytes, UUID, datetime, date, timedelta, a StrEnum, a Payload, a dataclass, or a "
        "Decimal with as many decimal places as it has: `Annotated[Decimal, Field(decimal_places=2)]`."
    )


def test_what_a_payload_is_made_of_is_known() -> None:
    class Label(Payload):
        text: "Words"  # type: ignore[name-defined]  # noqa: F821  # that is the mistake

    class Item(Entity, table=True):
        label: Label | None = None

    assert refusal(Item) == (
        "Item.label is declared as Label, in which 'Words' means nothing. Declare that above it, or import "
        "it there."
    )


def test_a_name_is_no_longer_than_all_databases_have_them() -> None:
    name = "number_of_all_the_things_that_were_ever_ordered_by_this_customer"
    end = (
        f"would be called {name!r}, and PostgreSQL keeps no more than 63 bytes of a name. Take a shorter one."
    )
    place = {"__module__": __name__, "__qualname__": "Item"}
    namespace = place | {"__annotations__": {name: int}, name: 0}
    long_field = type(Entity)("Item", (Entity,), namespace, table=True)
    assert refusal(long_field) == f"Item.{name}: its column {end}"
    long_table = type(Entity)("Long", (Entity,), place | {"__tablename__": name}, table=True)
    assert refusal(long_table) == f"Long: its table {end}"


def test_annotations_of_the_future_hide_relations() -> None:
    namespace: dict[str, Any] = {"__name__": "business.late"}
    source = (
        "from __future__ import annotations\n"
        "from framework import Entity\n"
        "class Item(Entity, table=True):\n    name: str\n"
    )
    exec(compile(source, "late.py", "exec"), namespace)
    assert refusal(namespace["Item"]) == (
        "Item is declared under `from __future__ import annotations`, which hides the types of its "
        "relations. Remove that line from business.late."
    )


def test_a_type_in_quotes_makes_no_column() -> None:
    class Item(Entity, table=True):
        name: str
        price: "int" = 0

    assert refusal(Item) == (
        "Item.price is annotated with the text 'int', which says no type to make a column of. Write it "
        "without quotes; only relations may need them."
    )


def test_a_type_in_quotes_makes_no_column_in_a_mixin_either() -> None:
    class Owned(Entity):
        owner_id: "UUID" = Field(foreign_key="owner.id")

    class Item(Owned, table=True):
        name: str

    assert refusal(Item) == (
        "Owned.owner_id is annotated with the text 'UUID', which says no type to make a column of. Write it "
        "without quotes; only relations may need them."
    )


def test_a_relation_of_a_class_without_a_table_is_not_inherited() -> None:
    class Owner(Entity, table=True):
        name: str

    class Owned(Entity):
        owner_id: UUID = Field(foreign_key="owner.id")
        owner: Owner = Relationship()

    with pytest.raises(InheritedRelation) as wrong:

        class Item(Owned, table=True):
            name: str

    assert str(wrong.value) == (
        "Item cannot inherit the relation owner from Owned, which has no table. Declare it in Item itself, "
        "with what is computed from it; the foreign key may stay where it is."
    )


@pytest.mark.parametrize("base", [object, SQLModel])
def test_fields_come_from_record_classes(base: type) -> None:
    class Priced(base):
        price: int = 0

    class Item(Entity, Priced, table=True):
        name: str

    assert refusal(Item) == (
        "Item.price comes from Priced, which is no record class, so that its column would keep values as it "
        "likes. Declare `class Priced(Entity):` without `table=True`."
    )


def test_a_validator_of_the_whole_model_would_never_run() -> None:
    class Item(Entity, table=True):
        name: str

        @model_validator(mode="after")
        def named(self) -> "Item":
            return self

    assert refusal(Item) == (
        "Item.named validates the whole model, but facts are validated one by one. Use `@field_validator`, "
        "or a `@guard` on the event."
    )


def test_a_global_is_there_from_the_start_and_needs_defaults() -> None:
    class Totals(Global, table=True):
        rate: int

    assert refusal(Totals) == (
        "Totals.rate has no default, but the row of a Global is there from the start. Give it a default."
    )


# -- relations ---------------------------------------------------------------------------------------------


def test_a_relation_needs_one_foreign_key() -> None:
    class Item(Entity, table=True):
        name: str

    class Order(Entity, table=True):
        items: list[Item] = Relationship()

    assert refusal(Order, Item) == (
        "Order.items cannot be joined: Could not determine join condition between parent/child tables on "
        "relationship Order.items - there are no foreign keys linking these tables.  Ensure that "
        "referencing columns are associated with a ForeignKey or ForeignKeyConstraint, or specify a "
        "'primaryjoin' expression. Declare one foreign key between the two classes, or name the one that "
        'joins them: `Relationship(by="...")`.'
    )


def test_a_relation_that_could_go_by_several_keys_says_by_which() -> None:
    class Transfer(Entity, table=True):
        from_id: UUID = Field(foreign_key="account.id")
        to_id: UUID = Field(foreign_key="account.id")

    class Account(Entity, table=True):
        sent: list[Transfer] = Relationship()

    assert refusal(Transfer, Account) == (
        "Account.sent could go by several foreign keys: Transfer.from_id and Transfer.to_id. Say by which "
        'one: `Relationship(by="from_id")`.'
    )

    class Club(Entity, table=True):
        head_id: UUID | None = Field(default=None, foreign_key="human.id")
        head: "Human" = Relationship()

    class Human(Entity, table=True):
        club_id: UUID | None = Field(default=None, foreign_key="club.id")

    assert refusal(Club, Human) == (
        "Club.head could go by several foreign keys: Club.head_id and Human.club_id. Say by which one: "
        '`Relationship(by="head_id")`.'
    )


def test_a_relation_goes_by_a_key_that_leads_there() -> None:
    class Leaflet(Entity, table=True):
        page_id: UUID = Field(foreign_key="page.id")

    class Page(Entity, table=True):
        leaflets: list[Leaflet] = Relationship(by="sheet_id")

    assert refusal(Leaflet, Page) == (
        "Page.leaflets cannot be joined: it goes by 'sheet_id', which is no foreign key of Leaflet to Page. "
        "Declare one foreign key between the two classes, or name the one that joins them: "
        '`Relationship(by="...")`.'
    )


def test_a_relation_to_a_class_that_the_app_was_not_given() -> None:
    class Order(Entity, table=True):
        name: str
        items: list["Item"] = Relationship()
        count: int = computed(Count(items))

    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    assert Item.__name__ == "Item"
    assert refusal(Order) == (
        "Order.items needs Item, which is not part of this App. Add it to the App's modules."
    )


def test_an_aggregate_is_over_a_relation_of_its_own_class() -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    items: list[Item] = Relationship()

    class Order(Entity, table=True):
        count: int = computed(Count(items))

    assert refusal(Order, Item) == (
        "Order.count: Count is over something that is not a relation of Order. Name a relation declared "
        "above it in the class body, or a record class on a `Global`."
    )


def test_an_aggregate_needs_a_relation_to_many() -> None:
    class Order(Entity, table=True):
        price: int = 0

    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        order: Order = Relationship()
        total: int = computed(Sum(order, lambda o: o.price))  # type: ignore[call-overload, unused-ignore]

    assert refusal(Order, Item) == (
        "Item.total: Sum needs a to-many relation, but Item.order is to-one. Use Lookup for a value through"
        " a to-one relation."
    )


def test_a_lookup_needs_a_relation_to_one() -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        name: str = ""

    class Order(Entity, table=True):
        items: list[Item] = Relationship()
        name: str | None = computed(Lookup(items, lambda i: i.name))

    assert refusal(Order, Item) == (
        "Order.name: Lookup needs a to-one relation, but Order.items is to-many. Use Latest or First to "
        "look at one of many records."
    )


def test_a_lookup_is_over_a_relation_of_its_own_class() -> None:
    class Order(Entity, table=True):
        name: str | None = computed(Lookup("customer", lambda c: c.upper()))

    assert refusal(Order) == (
        "Order.name: Lookup is over something that is not a relation of Order. Name a relation declared "
        "above it in the class body."
    )


class Person(Entity, table=True):
    boss_id: UUID | None = Field(default=None, foreign_key="person.id")
    boss: "Person" = Relationship()
    followers: int = computed(Count(boss))


def test_a_self_relation_says_which_side_it_is() -> None:
    assert refusal(Person) == (
        "Person.boss joins Person with itself, and cannot tell the one from the many. Name the key that "
        'joins them on both sides: `Relationship(by="...")`.'
    )


class Page(Entity, table=True):
    parent_id: UUID | None = Field(default=None, foreign_key="page.id")
    parent: "Page" = Relationship(sa_relationship_kwargs={"remote_side": "Page.id"})
    children: int = computed(Count(parent))


def test_the_wrong_side_of_a_self_relation_is_refused() -> None:
    assert refusal(Page) == (
        "Page.children: Count needs a to-many relation, but Page.parent is to-one. Use Lookup for a value "
        "through a to-one relation."
    )


class Leaf(Entity, table=True):
    parent_id: UUID | None = Field(default=None, foreign_key="leaf.id")
    leaves: list["Leaf"] = Relationship()
    light: Light = computed(
        StateMachine(Light.RED, Transition(Light.RED, Light.GREEN, when=became(leaves, "light", Light.GREEN)))
    )


def test_a_machine_that_waits_for_itself_along_a_self_relation_is_refused() -> None:
    assert refusal(Leaf) == (
        "These define each other: Leaf.light <- Leaf.light. A machine cannot wait, in one transaction, for "
        "what follows from its own move. Let it wait for a property of the children, such as Every, to "
        "change."
    )


# -- relations through a link model ------------------------------------------------------------------------


def test_a_link_that_is_no_record_is_refused() -> None:
    class Tag(Entity, table=True):
        name: str

    class Tagged(SQLModel, table=True):
        tag_id: UUID = Field(foreign_key="tag.id", primary_key=True)
        post_id: UUID = Field(foreign_key="post.id", primary_key=True)

    class Post(Entity, table=True):
        tags: list[Tag] = Relationship(link_model=Tagged)

    assert refusal(Tag, Post) == (
        "Post.tags goes through Tagged, which is no record class. Declare the link as an `Entity` with "
        "`table=True` and two foreign keys, and name it: `Relationship(link_model=...)`."
    )


def test_a_link_of_another_app_is_refused() -> None:
    class Tagged(Entity, table=True):
        tag_id: UUID = Field(foreign_key="tag.id")
        post_id: UUID = Field(foreign_key="post.id")

    class Tag(Entity, table=True):
        name: str

    class Post(Entity, table=True):
        tags: list[Tag] = Relationship(link_model=Tagged)

    assert refusal(Tag, Post) == (
        "Post.tags needs Tagged, which is not part of this App. Add it to the App's modules."
    )


def test_a_link_that_may_link_the_same_two_twice_is_refused() -> None:
    class Tagged(Entity, table=True):
        tag_id: UUID = Field(foreign_key="tag.id")
        post_id: UUID = Field(foreign_key="post.id")

    class Tag(Entity, table=True):
        name: str

    class Post(Entity, table=True):
        tags: list[Tag] = Relationship(link_model=Tagged)

    assert refusal(Tag, Post, Tagged) == (
        "Post.tags goes through Tagged, which may link the same two twice. Declare "
        '`__table_args__ = (Unique("post_id", "tag_id"),)` on Tagged; or relate to Tagged itself, if each '
        "link counts."
    )


def test_a_link_that_does_not_lead_here_is_refused() -> None:
    class Tagged(Entity, table=True):
        tag_id: UUID = Field(foreign_key="tag.id")

    class Tag(Entity, table=True):
        name: str

    class Post(Entity, table=True):
        tags: list[Tag] = Relationship(link_model=Tagged)

    assert refusal(Tag, Post, Tagged) == (
        "Post.tags cannot go through Tagged: it has no foreign key to Post. Add one, such as `post_id`."
    )


def test_a_link_that_leads_there_twice_is_refused() -> None:
    class Tagged(Entity, table=True):
        post_id: UUID = Field(foreign_key="post.id")
        tag_id: UUID = Field(foreign_key="tag.id")
        instead_of_id: UUID | None = Field(default=None, foreign_key="tag.id")

    class Tag(Entity, table=True):
        name: str

    class Post(Entity, table=True):
        tags: list[Tag] = Relationship(link_model=Tagged)

    assert refusal(Tag, Post, Tagged) == (
        "Post.tags cannot go through Tagged: tag_id and instead_of_id both name a Tag. Say which two are a "
        'pair, such as `__table_args__ = (Unique("post_id", "tag_id"),)`.'
    )


def test_a_symmetric_link_has_two_ends_of_the_class() -> None:
    class Tagged(Entity, table=True):
        __table_args__ = (Unique("post_id", "tag_id"),)

        post_id: UUID = Field(foreign_key="post.id")
        tag_id: UUID = Field(foreign_key="tag.id")

    class Tag(Entity, table=True):
        name: str

    class Post(Entity, table=True):
        tags: list[Tag] = Relationship(link_model=Tagged, symmetric=True)

    assert refusal(Tag, Post, Tagged) == (
        "Post.tags cannot go through Tagged: a symmetric link has two foreign keys to Post, and this one has "
        "1. Declare two, or leave out `symmetric`."
    )


def test_what_is_symmetric_goes_through_a_link() -> None:
    class Leaflet(Entity, table=True):
        page_id: UUID = Field(foreign_key="page.id")
        sheet_id: UUID = Field(foreign_key="sheet.id")

    class Page(Entity, table=True):
        leaflets: list[Leaflet] = Relationship(symmetric=True)

    class Sheet(Entity, table=True):
        name: str = ""

    end = "Name the class of its links: `link_model=...`."
    assert refusal(Leaflet, Page, Sheet) == (
        f"Page.leaflets cannot go through no link: it is symmetric. {end}"
    )


class Follow(Entity, table=True):
    __table_args__ = (Unique("follower_id", "followed_id"),)

    follower_id: UUID = Field(foreign_key="member.id")
    followed_id: UUID = Field(foreign_key="member.id")
    note: str = ""


def test_a_link_between_two_of_one_class_must_say_which_is_which() -> None:
    class Member(Entity, table=True):
        following: list["Member"] = Relationship(link_model=Follow)

    assert refusal(Member, Follow) == (
        "Member.following goes through Follow, where follower_id and followed_id both name a Member. Say "
        "which of them is the one that has the relation: `by=Follow.follower_id` or `by=Follow.followed_id`."
    )


def test_a_link_is_followed_by_one_of_its_keys() -> None:
    class Member(Entity, table=True):
        following: list["Member"] = Relationship(link_model=Follow, by=Follow.note)

    assert refusal(Member, Follow) == (
        "Member.following cannot go through Follow: Follow.note is no foreign key to Member. Its keys to "
        "Member are: follower_id and followed_id."
    )


def test_two_relations_by_the_same_side_of_a_link_are_refused() -> None:
    class Member(Entity, table=True):
        following: list["Member"] = Relationship(link_model=Follow, by=Follow.follower_id)
        followers: list["Member"] = Relationship(link_model=Follow, by=Follow.follower_id)

    assert refusal(Member, Follow) == (
        "Member.following and Member.followers both go through Follow by follower_id, so they are one "
        "relation. Drop one, or let it go by the other key."
    )


def test_a_lookup_through_a_link_is_on_the_wrong_side() -> None:
    class Member(Entity, table=True):
        note: str
        following: list["Member"] = Relationship(link_model=Follow, by=Follow.follower_id)
        first: str | None = computed(Lookup(following, lambda member: member.note))  # type: ignore[attr-defined]

    assert refusal(Member, Follow) == (
        "Member.first: Lookup needs a to-one relation, but Member.following is to-many. Use Latest or First "
        "to look at one of many records."
    )


# -- taking over -------------------------------------------------------------------------------------------


def test_what_is_not_unique_cannot_be_taken_over() -> None:
    class Seat(Entity, table=True):
        holder: str | None = takeover(Field(default=None))

    assert refusal(Seat) == (
        "Seat.holder cannot be taken over: it is not unique, so all may have it. Declare `unique=True`, or "
        "leave out `takeover`."
    )


def test_who_is_taken_from_must_be_able_to_go_without() -> None:
    class Seat(Entity, table=True):
        holder: str = takeover(Field(unique=True))

    assert refusal(Seat) == (
        "Seat.holder cannot be taken over: who had it would be left with None. Annotate it `| None`, or "
        "leave out `takeover`."
    )


def test_nothing_is_taken_from_an_event() -> None:
    class Seated(Event, table=True):
        holder: str | None = takeover(Field(default=None, unique=True))

    assert refusal(Seated) == (
        "Seated.holder cannot be taken over: Seated is an event, and events never change. Declare it on an "
        "entity."
    )


def test_nothing_is_taken_from_what_a_rule_keeps_equal() -> None:
    class Holder(Entity, table=True):
        name: str

    class Seat(Entity, table=True):
        holder: str | None = takeover(Field(default=None, unique=True))

    @derive
    def seat(holder: Holder) -> Seat:
        return Seat(holder=holder.name)

    assert refusal(Holder, Seat, seat) == (
        "Seat.holder cannot be taken over: the rule seat keeps it equal to a Holder. Leave out `takeover`."
    )


# -- computations ------------------------------------------------------------------------------------------


def test_all_records_are_one_value_and_belong_on_a_global() -> None:
    class Item(Entity, table=True):
        price: int

    class Order(Entity, table=True):
        total: int = computed(Sum(Item, lambda i: i.price))

    assert refusal(Item, Order) == (
        "Order.total: Sum over all records of Item is one value, but Order has many rows. Declare it on a "
        "`Global`, or name a relation."
    )


def test_an_aggregate_over_a_class_that_nobody_declared() -> None:
    class Item(Entity, table=True):
        price: int

    class Totals(Global, table=True):
        count: int = computed(Count(Item))

    assert refusal(Totals) == (
        "Totals.count needs Item, which is not part of this App. Add it to the App's modules."
    )


def test_a_count_is_an_int() -> None:
    class Item(Entity, table=True):
        price: int

    class Totals(Global, table=True):
        count: str = computed(Count(Item))  # type: ignore[assignment]  # this is the mistake

    assert refusal(Item, Totals) == (
        "Totals.count: Count gives int, but is annotated str. Annotate it as int."
    )


def test_of_nothing_an_average_is_none_and_the_annotation_says_so() -> None:
    class Item(Entity, table=True):
        price: int

    class Totals(Global, table=True):
        mean: float = computed(Average(Item, lambda i: i.price))  # type: ignore[assignment]  # the mistake

    assert refusal(Item, Totals) == (
        "Totals.mean: Average gives float | None, but is annotated float. Annotate it as float | None: of "
        "nothing, it is None."
    )


def test_of_nothing_a_maximum_is_none_and_the_annotation_says_so() -> None:
    class Item(Entity, table=True):
        price: int

    class Totals(Global, table=True):
        dearest: int = computed(Max(Item, lambda i: i.price))  # type: ignore[assignment]  # the mistake

    assert refusal(Item, Totals) == (
        "Totals.dearest: Max gives int | None, but is annotated int. Annotate it as int | None: of nothing,"
        " it is None."
    )


def test_a_computation_of_somebody_else_is_refused() -> None:
    class Guess(Computation[int]):
        pass

    class Order(Entity, table=True):
        luck: int = computed(Guess())

    assert refusal(Order) == (
        "Order.luck: Guess gives nothing known, but is annotated <class 'int'>. Use one of the computations"
        " of `framework`."
    )


def test_a_callback_reads_fields_that_are_there() -> None:
    class Item(Entity, table=True):
        price: int

    class Totals(Global, table=True):
        total: int = computed(Sum(Item, lambda i: i.prise))  # type: ignore[attr-defined]  # the mistake

    assert refusal(Item, Totals) == (
        "Totals.total reads 'prise', but Item has no such field. Its fields are: id, price."
    )


def test_declared_reads_are_fields_that_are_there() -> None:
    class Item(Entity, table=True):
        price: int

    class Totals(Global, table=True):
        total: int = computed(Sum(Item, lambda i: vars(i)["price"], reads=("prize",)))

    assert refusal(Item, Totals) == (
        "Totals.total reads 'prize', but Item has no such field. Its fields are: id, price."
    )


def test_the_scope_of_a_sequence_is_made_of_facts() -> None:
    class Order(Entity, table=True):
        number: int = computed(Sequence(per=("year",)))

    assert refusal(Order) == ("Order.number reads 'year', but Order has no such field. Its fields are: id.")


def test_one_computation_reads_one_hop() -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        price: int

    class Order(Entity, table=True):
        customer_id: UUID = Field(foreign_key="customer.id")
        items: list[Item] = Relationship()

    class Customer(Entity, table=True):
        orders: list[Order] = Relationship()
        total: int = computed(Sum(orders, lambda o: len(o.items)))

    assert refusal(Item, Order, Customer) == (
        "Customer.total reads the relation Order.items. One computation reads one hop: make the further "
        "value a computed property of Order and read that."
    )


def test_a_record_handed_to_other_code_is_declared() -> None:
    class Item(Entity, table=True):
        price: int

    class Totals(Global, table=True):
        total: int = computed(Sum(Item, lambda i: getattr(i, "price")))  # noqa: B009  # the mistake

    assert refusal(Item, Totals) == (
        "Totals.total hands its record to code that cannot be followed (line N uses 'i' as a whole). Say "
        'what it reads: `reads=("field", ...)`.'
    )


class Stage(StrEnum):
    ASKED = "asked"
    PAID = "paid"
    SENT = "sent"


def test_a_circle_is_shown_with_its_path() -> None:
    class Order(Entity, table=True):
        one: int = computed(Formula(lambda o: o.two + 1))
        two: int = computed(Formula(lambda o: o.three + 1))
        three: int = computed(Formula(lambda o: o.one + 1))

    assert refusal(Order) == (
        "These define each other: Order.one <- Order.two <- Order.three <- Order.one. Break the circle by "
        "storing one as a fact."
    )


def test_a_circle_through_rules_and_relations_is_found() -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")

    class Order(Entity, table=True):
        items: list[Item] = Relationship()
        count: int = computed(Count(items))

    @derive(reads=[Order.count])
    def item(order: Order) -> list[Item]:
        return [Item(order_id=order.id) for _ in range(order.count + 1)]

    assert refusal(Item, Order, item) == (
        "These define each other: Order.count <- rule item <- Order.count. Break the circle by storing one "
        "as a fact."
    )


class Twig(Entity, table=True):
    parent_id: UUID | None = Field(default=None, foreign_key="twig.id")
    twigs: list["Twig"] = Relationship()
    age: int = 0
    oldest: int | None = computed(Max(twigs, lambda twig: twig.greatest))
    greatest: int = computed(Formula(lambda twig: max(twig.age, twig.oldest or 0)))


def test_what_does_not_go_along_a_tree_is_refused() -> None:
    assert refusal(Twig) == (
        "These define each other: Twig.oldest <- Twig.greatest <- Twig.oldest. Along a tree, values go up by "
        "Sum, Count, WeightedSum, Average, Every and Some, or down by Lookup, with Formulas between, and by "
        "one key: take these, or store one as a fact."
    )


def test_a_circle_is_refused_beside_a_machine_if_it_does_without() -> None:
    class Paid(Event, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    class Parcel(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")

    class Order(Entity, table=True):
        parcels: list[Parcel] = Relationship()
        count: int = computed(Count(parcels))
        status: Stage = computed(
            StateMachine(
                Stage.ASKED,
                Transition(Stage.ASKED, Stage.PAID, when=on(Paid)),
                Transition(Stage.PAID, Stage.SENT, when=created(parcels)),
            )
        )

    @derive(reads=[Order.status, Order.count])
    def parcel(order: Order) -> Parcel | None:
        return Parcel(order_id=order.id) if order.status == Stage.PAID and not order.count else None

    assert refusal(Paid, Parcel, Order, parcel) == (
        "These define each other: Order.count <- rule parcel <- Order.count. Break the circle by storing one "
        "as a fact."
    )


def test_a_default_in_a_subclass_is_a_second_source() -> None:
    class Shape(Entity):
        side: int = 1
        area: int = computed(Formula(lambda s: s.side * s.side))

    class Circle(Shape, table=True):
        area: int = 3

    assert refusal(Circle) == (
        "Circle.area is computed and would have a second source: a default in a subclass. A property has "
        "one definition: remove one of them."
    )


def test_a_computation_in_a_subclass_is_a_second_source() -> None:
    class Ping(APICall, table=True):
        request: Nothing
        status: CallStatus = computed(Formula(lambda c: CallStatus.COMPLETED))

    assert refusal(Ping) == (
        "Ping.status is computed and would have a second source: another `computed(...)` in a subclass. A "
        "property has one definition: remove one of them."
    )


def test_a_subclass_may_narrow_the_type_of_a_computed_property() -> None:
    class Ping(APICall, table=True):
        request: Nothing
        result: Nothing | None = None

    App([[Ping]])


# -- parameters and keys -----------------------------------------------------------------------------------


class Shop(Global, table=True):
    vat: int = 19


def test_parameters_are_those_of_a_global() -> None:
    class Order(Entity, table=True):
        cents: int

    class Bill(Entity, table=True):
        cents: int = computed(Formula(lambda bill, order: order.cents, given=Order))

    assert refusal(Order, Bill) == (
        "Bill.cents is given Order, which is no `Global`. Parameters are the one row of a Global; use Lookup "
        "for a value of another record."
    )


def test_a_global_that_is_given_belongs_to_the_app() -> None:
    class Bill(Entity, table=True):
        cents: int = computed(Formula(lambda bill, shop: shop.vat, given=Shop))

    assert (
        refusal(Bill) == "Bill.cents needs Shop, which is not part of this App. Add it to the App's modules."
    )


def test_a_misspelt_parameter_is_a_mistake() -> None:
    class Bill(Entity, table=True):
        cents: int = computed(Formula(lambda bill, shop: shop.vta, given=Shop))  # type: ignore[attr-defined]

    assert refusal(Shop, Bill) == (
        "Bill.cents reads 'vta', but Shop has no such field. Its fields are: id, vat."
    )


def test_every_callback_takes_what_it_is_given() -> None:
    class Bill(Entity, table=True):
        cents: int = computed(Formula(lambda bill: 3, given=Shop))  # type: ignore[call-overload, arg-type, misc]

    assert refusal(Shop, Bill) == (
        "Bill.cents has a callback that takes 1 parameter, but it is called with the record and the shop. "
        "Write it as `lambda record, shop: ...`."
    )


def test_a_callback_that_takes_a_parameter_says_of_which_global() -> None:
    class Bill(Entity, table=True):
        cents: int = computed(Formula(lambda bill, shop: 3))  # type: ignore[call-overload, arg-type, misc]

    assert refusal(Shop, Bill) == (
        "Bill.cents has a callback that takes 2 parameters, but it is called with the record. Write it as "
        "`lambda record: ...`, or say `given=` of which `Global` the row comes last."
    )


def test_a_step_is_taken_with_one_relation_to_many() -> None:
    class Item(Entity, table=True):
        bill_id: UUID = Field(foreign_key="bill.id")
        paid: bool = False

    class Bill(Entity, table=True):
        items: list[Item] = Relationship()
        paid: list[Item] = subset(items, lambda item: item.paid)
        left: int = computed(
            Custom(
                lambda bill: len(bill.items) - len(bill.paid),
                step=lambda left, before, after: left + 1,
                reads=("items", "paid"),
            )
        )

    assert refusal(Item, Bill) == (
        "Bill.left has a step that is never taken: it reads several relations, items and paid. Leave it out, "
        "or read one relation to many and nothing else that is related."
    )

    class Note(Entity, table=True):
        cents: int = 0
        twice: int = computed(
            Custom(lambda note: note.cents * 2, step=lambda twice, before, after: twice, reads=("cents",))
        )

    assert refusal(Note) == (
        "Note.twice has a step that is never taken: it reads no relation to many. Leave it out, or read one "
        "relation to many and nothing else that is related."
    )


def test_the_scope_of_a_number_is_made_of_facts() -> None:
    class Bill(Entity, table=True):
        name: str = ""
        initial: str = computed(Formula(lambda bill: bill.name[:1]))
        number: int = computed(Sequence(per=("initial",)))

    assert refusal(Bill) == (
        "Bill.number: Sequence(per=('initial',)) cannot be: it must be a tuple of facts, and initial is "
        "computed."
    )


def test_totals_by_key_are_a_dictionary_by_something_plain() -> None:
    class Item(Entity, table=True):
        name: float

    class Totals(Global, table=True):
        counts: dict[float, int] = computed(Count(Item, by=lambda item: item.name))

    assert refusal(Item, Totals) == (
        "Totals.counts: Count with `by` is a dictionary by what it gives, but is annotated dict[float, int]. "
        "Annotate it as dict[key, int], where a key is a str, int, bool, StrEnum, UUID or date."
    )


def test_totals_by_key_have_values_of_their_computation() -> None:
    class Item(Entity, table=True):
        name: str

    class Totals(Global, table=True):
        counts: dict[str, str] = computed(Count(Item, by=lambda item: item.name))  # type: ignore[assignment]

    assert refusal(Item, Totals) == (
        "Totals.counts: Count gives int, but is annotated str. Annotate it as int."
    )


# -- state machines ----------------------------------------------------------------------------------------


def machine(*transitions: Transition[Any]) -> Any:
    return computed(StateMachine(Light.RED, *transitions))


def test_a_transition_names_states_of_its_machine() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(
            Transition(Light.RED, Light.GREEN, when=on(Pressed)),
            Transition(Light.GREEN, Other.RED, when=on(Pressed)),
        )

    assert refusal(Pressed, Lamp) == (
        "Lamp.light: the transition green -> red names 'red', which is no state of Light. Use a member of "
        "Light."
    )


def test_every_state_can_be_reached() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(Transition(Light.GREEN, Light.RED, when=on(Pressed)))

    assert refusal(Pressed, Lamp) == (
        "Lamp.light: the state 'green' is never reached from 'red'. Add a transition that leads to it, or "
        "take it out of Light."
    )


def test_two_transitions_cannot_wait_for_the_same_thing() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(
            Transition(Light.RED, Light.GREEN, when=on(Pressed)),
            Transition(Light.RED, Light.RED, when=on(Pressed)),
        )

    assert refusal(Pressed, Lamp) == (
        "Lamp.light: in the state 'red', 'Pressed created' could lead to green and red. Guard all of them "
        "but one, or take one away."
    )


def test_a_guard_reads_what_every_cause_has() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(
            Transition(Light.RED, Light.GREEN, when=on(Pressed), guard=lambda lamp, pressed: pressed.finger)
        )

    assert refusal(Pressed, Lamp) == (
        "the guard of Lamp.light reads 'finger', but Pressed has no such field. "
        "Its fields are: id, at, lamp_id."
    )


def test_a_guard_takes_the_record_and_the_cause() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(
            Transition(Light.RED, Light.GREEN, when=on(Pressed), guard=lambda lamp, pressed, more: True)  # type: ignore[arg-type]
        )

    assert refusal(Pressed, Lamp) == (
        "the guard of Lamp.light has a callback that takes 3 parameters, but it is called with the record "
        "and the cause. Write it as `lambda record, cause: ...`, or say `given=` of which `Global` the row "
        "comes last."
    )


def test_the_states_of_a_machine_are_words_and_its_property_is_one_of_them() -> None:
    class Phase(Enum):
        NEW = 1
        OLD = 2

    class Moon(Entity, table=True):
        phase: Phase = computed(StateMachine(Phase.NEW))  # type: ignore[type-var]  # the mistake

    assert refusal(Moon) == (
        'Moon.phase: <Phase.NEW: 1> is no state. Write `class Status(StrEnum): OPEN = "open"`, and '
        "`StateMachine(Status.OPEN, ...)`."
    )

    class Lamp(Entity, table=True):
        watt: int = 0
        light: str = computed(
            StateMachine(Light.RED, Transition(Light.RED, Light.GREEN, when=became("watt", 1)))
        )

    assert refusal(Lamp) == (
        "Lamp.light: StateMachine gives Light, but is annotated str. Annotate it as Light."
    )


def test_an_entry_is_one_of_a_machine_above() -> None:
    class Lamp(Entity, table=True):
        watt: int = 5
        at: int | None = computed(OnEntry("watt", Light.GREEN, lambda lamp, cause: 1))  # type: ignore[type-var]  # the mistake

    assert refusal(Lamp) == (
        "Lamp.at waits for the entry of 'green', which never comes: it names no state machine of Lamp. Name "
        "one that stands above in the class body."
    )


def test_an_entry_is_one_that_a_transition_makes() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=on(Pressed)))
        at: int | None = computed(OnEntry(light, Light.RED, lambda lamp, cause: 1))

    assert refusal(Pressed, Lamp) == (
        "Lamp.at waits for the entry of 'red', which never comes: no transition of Lamp.light leads to it. "
        "Name a state that is entered."
    )


def test_before_the_entry_there_is_no_value() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=on(Pressed)))
        times: int = computed(OnEntry(light, Light.GREEN, lambda lamp, cause: lamp.times + 1))

    assert refusal(Pressed, Lamp) == (
        "Lamp.times: OnEntry gives int | None, but is annotated int. Annotate it as int | None, or give it "
        "an `initial`."
    )


def test_a_cause_is_read_as_what_it_may_be() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=on(Pressed)))
        by: str | None = computed(OnEntry(light, Light.GREEN, lambda lamp, cause: cause.finger))

    assert refusal(Pressed, Lamp) == (
        "Lamp.by reads 'finger', but Pressed has no such field. Its fields are: id, at, lamp_id."
    )


def erasing(erases: Any, *transitions: Transition[Any], ondelete: Any = None) -> str:
    """What is said of a lamp that goes when it enters a state, by an event that refers to it."""

    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id", ondelete=ondelete)

    class Lamp(Entity, table=True):
        light: Light = computed(
            StateMachine(
                Light.RED,
                Transition(Light.RED, Light.GREEN, when=on(Pressed)),
                *transitions,
                erases=erases,
            )
        )

    return refusal(Pressed, Lamp)


def test_an_event_lets_go_of_what_it_deletes() -> None:
    assert erasing(Light.GREEN) == (
        "Lamp.light cannot delete its record on the entry of 'green': Pressed.lamp_id, by which 'Pressed "
        'created\' leads to it, would refer to nothing. Declare `ondelete="CASCADE"` on that field, or '
        '`ondelete="SET NULL"`.'
    )


def test_no_record_starts_in_the_state_that_deletes_it() -> None:
    assert erasing(Light.RED, ondelete="CASCADE") == (
        "Lamp.light cannot delete its record on the entry of 'red': records start in it, so none would ever "
        "be there. Let another state be the initial one."
    )


def test_what_is_gone_moves_no_more() -> None:
    class Gone(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        watt: int = 5
        light: Light = computed(
            StateMachine(
                Light.RED,
                Transition(Light.RED, Light.GREEN, when=changed("watt")),
                Transition(Light.GREEN, Light.RED, when=on(Gone)),
                erases=Light.GREEN,
            )
        )

    assert refusal(Gone, Lamp) == (
        "Lamp.light cannot delete its record on the entry of 'green': a transition leads on to 'red'. Take "
        "it away: what is gone stays gone."
    )


def test_the_state_that_deletes_is_one_of_the_machine() -> None:
    assert erasing(Other.RED, ondelete="CASCADE") == (
        "Lamp.light cannot delete its record on the entry of 'red': it is no state of Light. Use a member of "
        "that."
    )


def test_a_global_stays() -> None:
    class Site(Global, table=True):
        watt: int = 5
        light: Light = computed(
            StateMachine(
                Light.RED, Transition(Light.RED, Light.GREEN, when=changed("watt")), erases=Light.GREEN
            )
        )

    assert refusal(Site) == (
        "Site.light cannot delete its record on the entry of 'green': Site is a record of the kind 'global', "
        "and those stay. Only entities go."
    )


def test_what_a_rule_keeps_equal_does_not_go_by_itself() -> None:
    class House(Entity, table=True):
        pass

    class Lamp(Entity, table=True):
        house_id: UUID = Field(foreign_key="house.id")
        watt: int = 5
        light: Light = computed(
            StateMachine(
                Light.RED, Transition(Light.RED, Light.GREEN, when=changed("watt")), erases=Light.GREEN
            )
        )

    @derive
    def lamp(house: House) -> Lamp:
        return Lamp(house_id=house.id)

    assert refusal(House, Lamp, lamp) == (
        "Lamp.light cannot delete its record on the entry of 'green': the rule lamp keeps it equal to its "
        "House. Let that one go instead."
    )


def test_a_trigger_waits_for_an_event_of_the_app() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=on(Pressed)))

    assert refusal(Lamp) == (
        "Lamp.light: the trigger 'Pressed created' can never fire: Pressed is not an event of this App. Add"
        " it to the App's modules."
    )


def test_an_event_names_the_record_that_it_moves() -> None:
    class Pressed(Event, table=True):
        by: str

    class Lamp(Entity, table=True):
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=on(Pressed)))

    assert refusal(Pressed, Lamp) == (
        "Lamp.light: the trigger 'Pressed created' can never fire: Pressed has no foreign key to Lamp. Add "
        "one, such as `lamp_id`."
    )


def test_an_event_with_two_routes_must_say_which() -> None:
    class Swapped(Event, table=True):
        one_id: UUID = Field(foreign_key="lamp.id")
        other_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=on(Swapped)))

    assert refusal(Swapped, Lamp) == (
        "Lamp.light: the trigger 'Swapped created' can never fire: Swapped has 2 foreign keys to Lamp. Say "
        'which: `to="one_id"` or `to="other_id"`.'
    )


def test_events_never_change() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")
        hard: bool = False

    class Lamp(Entity, table=True):
        presses: list[Pressed] = Relationship()
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=changed(presses, "hard")))

    assert refusal(Pressed, Lamp) == (
        "Lamp.light: the trigger 'Pressed.hard changed' can never fire: Pressed is an event, and events "
        "never change. Use created."
    )


def test_events_are_never_deleted() -> None:
    class Pressed(Event, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        presses: list[Pressed] = Relationship()
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=deleted(presses)))

    assert refusal(Pressed, Lamp) == (
        "Lamp.light: the trigger 'Pressed deleted' can never fire: Pressed is an event, and events never "
        "change. Use created."
    )


def test_only_calls_are_completed() -> None:
    class Bulb(Entity, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        bulbs: list[Bulb] = Relationship()
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=completed(bulbs)))  # type: ignore[arg-type]  # the mistake

    assert refusal(Bulb, Lamp) == (
        "Lamp.light: the trigger 'Bulb completed' can never fire: Bulb is no APICall. Use created, deleted "
        "or changed."
    )


def test_the_request_of_a_call_never_changes() -> None:
    class Ping(APICall, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")
        request: Nothing

    class Lamp(Entity, table=True):
        pings: list[Ping] = Relationship()
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=changed(pings, "request")))

    assert refusal(Ping, Lamp) == (
        "Lamp.light: the trigger 'Ping.request changed' can never fire: Ping.request never changes. Name a "
        "field that does."
    )


def test_a_trigger_waits_for_a_field_that_is_there() -> None:
    class Bulb(Entity, table=True):
        lamp_id: UUID = Field(foreign_key="lamp.id")

    class Lamp(Entity, table=True):
        bulbs: list[Bulb] = Relationship()
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=changed(bulbs, "watt")))

    assert refusal(Bulb, Lamp) == (
        "Lamp.light reads 'watt', but Bulb has no such field. Its fields are: id, lamp_id."
    )


def test_a_trigger_over_one_record_has_its_route() -> None:
    class House(Entity, table=True):
        name: str

    class Lamp(Entity, table=True):
        house_id: UUID = Field(foreign_key="house.id")
        house: House = Relationship()
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=created(house, to="house_id")))

    assert refusal(House, Lamp) == (
        "Lamp.light: the trigger 'Lamp.house created' can never fire: the relation house is the route. Leave "
        "out `to`."
    )


def test_a_trigger_is_over_a_relation_of_its_own_class() -> None:
    class Lamp(Entity, table=True):
        light: Light = machine(Transition(Light.RED, Light.GREEN, when=created([])))

    assert refusal(Lamp) == (
        "Lamp.light: StateMachine is over something that is not a relation of Lamp. Name a relation "
        "declared above it in the class body, or use `on(EventClass)`."
    )


def test_only_a_state_machine_can_be_drawn_as_one() -> None:
    class Lamp(Entity, table=True):
        watt: int = 0

    with pytest.raises(DeclarationError) as caught:
        App([[Lamp]]).graph(Lamp, "watt")
    provoked.add(type(caught.value).__name__)
    assert str(caught.value) == (
        "Lamp.watt is no state machine of this App. Name a class and a property declared as "
        "`computed(StateMachine(...))`."
    )


# -- rules -------------------------------------------------------------------------------------------------


def test_a_rule_says_what_it_makes_of_what() -> None:
    class Order(Entity, table=True):
        name: str

    @derive
    def parcel(order):  # type: ignore[no-untyped-def]  # the mistake
        return None

    assert refusal(Order, parcel) == (
        "The rule parcel needs one parameter and a return type that name record classes, such as `(order: "
        "Order) -> Charge | None`, and may take a Global after its record; it has (order)."
    )


def test_a_rule_names_classes_that_can_be_found() -> None:
    class Order(Entity, table=True):
        name: str

    @derive
    def parcel(order: "Odrer") -> Order | None:  # type: ignore[name-defined]  # noqa: F821  # the mistake
        return None

    assert refusal(Order, parcel) == (
        "The rule parcel needs one parameter and a return type that name record classes, such as `(order: "
        "Order) -> Charge | None`, and may take a Global after its record; it has (order: 'Odrer') -> "
        "test_a_rule_names_classes_that_can_be_found.<locals>.Order | None."
    )


def test_a_rule_makes_records_of_the_app() -> None:
    class Order(Entity, table=True):
        name: str

    class Parcel(Entity, table=True):
        name: str

    @derive
    def parcel(order: Order) -> Parcel:
        return Parcel(name=order.name)

    assert refusal(Order, parcel) == (
        "the rule parcel needs Parcel, which is not part of this App. Add it to the App's modules."
    )


def test_a_rule_makes_no_global() -> None:
    class Order(Entity, table=True):
        name: str

    class Totals(Global, table=True):
        name: str = ""

    @derive
    def totals(order: Order) -> Totals:
        return Totals(name=order.name)

    assert refusal(Order, Totals, totals) == (
        "The rule totals makes Totals from Order, but Totals is a Global: its one row is always there."
    )


def test_a_rule_starts_from_no_global() -> None:
    class Order(Entity, table=True):
        name: str

    class Totals(Global, table=True):
        name: str = ""

    @derive
    def order(totals: Totals) -> Order:
        return Order(name=totals.name)

    assert refusal(Order, Totals, order) == (
        "The rule order makes Order from Totals, but Totals is a Global: use a computed property of the "
        "Global instead."
    )


def test_a_rule_makes_no_integration_events() -> None:
    class Ping(APICall, table=True):
        request: Nothing

    @derive
    def echo(ping: Ping) -> IntegrationEvent | None:
        return None

    assert refusal(Ping, IntegrationEvent, echo) == (
        "The rule echo makes IntegrationEvent from Ping, but integration events are said by vendors: make a"
        " call, or an event of your own."
    )


def test_a_rule_declares_the_computed_properties_that_it_reads() -> None:
    class Order(Entity, table=True):
        name: str
        length: int = computed(Formula(lambda o: len(o.name)))

    class Parcel(Entity, table=True):
        size: int

    @derive
    def parcel(order: Order) -> Parcel:
        return Parcel(size=order.length)

    assert refusal(Order, Parcel, parcel) == (
        "The rule parcel reads the computed property Order.length. Declare it: "
        "`@derive(reads=[Order.length])`."
    )


def test_a_rule_reads_nothing_but_its_argument() -> None:
    class Customer(Entity, table=True):
        name: str

    class Order(Entity, table=True):
        name: str

    class Parcel(Entity, table=True):
        name: str

    @derive(reads=[Customer.name])
    def parcel(order: Order) -> Parcel:
        return Parcel(name=order.name)

    assert refusal(Customer, Order, Parcel, parcel) == (
        "the rule parcel reads 'Customer.name', but Order has no such field. Its fields are: id, name."
    )


def test_a_rule_that_hands_its_record_on_declares_what_it_reads() -> None:
    class Order(Entity, table=True):
        name: str

    class Parcel(Entity, table=True):
        name: str

    @derive
    def parcel(order: Order) -> Parcel:
        return Parcel(name=str(order))

    assert refusal(Order, Parcel, parcel) == (
        "The rule parcel hands its record to code that cannot be followed (line N uses 'order' as a whole)."
        " Say what it reads, beside all facts: `@derive(reads=[Order.property, ...])`."
    )


def test_two_rules_of_one_name_cannot_be_told_apart() -> None:
    class Order(Entity, table=True):
        name: str

    class Parcel(Entity, table=True):
        name: str

    def make() -> Any:
        @derive
        def parcel(order: Order) -> Parcel:
            return Parcel(name=order.name)

        return parcel

    assert refusal(Order, Parcel, make(), make()) == (
        "Two rules of this App are called "
        "test_two_rules_of_one_name_cannot_be_told_apart.<locals>.make.<locals>.parcel. Rename one: records"
        " remember the rule that made them by its name."
    )


# -- who serves which calls --------------------------------------------------------------------------------


def pinger(name: str, call: type[APICall]) -> Integration[Any]:
    integration: Integration[Any] = Integration(name)

    @integration.call(call)
    async def ping(call: Any, http: Any) -> Completed:
        return Completed()

    return integration


def test_one_integration_serves_a_call() -> None:
    class Ping(APICall, table=True):
        request: Nothing

    assert refusal(Ping, integrations=[pinger("one", Ping), pinger("other", Ping)]) == (
        "Ping is served by two integrations, one and other. Let one of them serve another call class."
    )


def test_two_integrations_have_two_names() -> None:
    class Ping(APICall, table=True):
        request: Nothing

    class Pong(APICall, table=True):
        request: Nothing

    assert refusal(Ping, Pong, integrations=[pinger("one", Ping), pinger("one", Pong)]) == (
        "Two integrations of this App are called 'one'. The name is part of addresses: give each its own."
    )


def test_a_call_that_is_served_belongs_to_the_app() -> None:
    class Ping(APICall, table=True):
        request: Nothing

    assert refusal(integrations=[pinger("one", Ping)]) == (
        "The integration one serves Ping, which is not part of this App. Add its module to "
        "App(modules=[...])."
    )


def test_a_call_that_nobody_serves_is_an_error_where_calls_are_strict() -> None:
    class Ping(APICall, table=True):
        request: Nothing

    assert refusal(Ping, settings=Settings(strict_calls=True)) == (
        "Nobody carries out Ping: its calls would stay pending for ever. Pass an integration that serves it"
        " to App(integrations=[...])."
    )


# -- what readers may see ---------------------------------------------------------------------------------


def test_a_policy_asks_about_the_reader_alone() -> None:
    class Note(Entity, table=True):
        text: str

    @policy(Note)
    def own(reader: Any, record: Any) -> bool:
        return True

    assert refusal(Note, own) == (
        "The policy own needs one parameter, the reader, such as `(reader: Reader)`; it has "
        "(reader: Any, record: Any) -> bool."
    )


def test_a_policy_belongs_to_a_class_of_the_app() -> None:
    class Note(Entity, table=True):
        text: str

    assert refusal(policy(Note)(lambda reader: True)) == (
        "the policy <lambda> needs Note, which is not part of this App. Add it to the App's modules."
    )


def test_a_policy_hides_fields_that_are_there_and_never_the_id() -> None:
    class Note(Entity, table=True):
        text: str

    def own(reader: Reader) -> bool:
        return True

    assert refusal(Note, policy(Note, hides=("txt",))(own)) == (
        "the policy own reads 'txt', but Note has no such field. Its fields are: id, text."
    )
    assert refusal(Note, policy(Note, hides=("id",))(own)) == (
        "The policy own hides Note.id, by which records are told apart. Let its criterion hide the whole "
        "record instead."
    )


# -- activities --------------------------------------------------------------------------------------------


class Asked(Event, table=True):
    pass


class Granted(Event, table=True):
    asked_id: UUID = Field(foreign_key="asked.id")


class Denied(Event, table=True):
    asked_id: UUID = Field(foreign_key="asked.id")


@pytest.mark.parametrize(
    "steps", [(any_of(Granted, Denied), Granted), (race(Granted, all_of(Denied, Granted)),)]
)
def test_an_event_is_one_step_of_an_activity(steps: Any) -> None:
    assert refusal(Asked, Granted, Denied, Activity(Asked, *steps)) == (
        "The activity Asked reaches Granted twice, so nobody could tell which step it is. Give each step an "
        "event class of its own."
    )


def test_the_opening_event_does_not_come_again() -> None:
    assert "reaches Asked twice" in refusal(Asked, Granted, Activity(Asked, Granted, Asked))


def test_an_activity_has_steps() -> None:
    assert refusal(Asked, Activity(Asked)) == (
        "The activity Asked has no step after its opening event. Name what follows, or leave it away."
    )


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (any_of(), "any of) with 0"),
        (race(Granted), "race) with 1"),
        (all_of(Granted, any_of()), "any of) with 0"),
        ((Granted, ()), "sequence) with 0"),
        (race((), Granted), "sequence) with 0"),
    ],
)
def test_a_group_has_something_to_choose_from(group: Any, said: str) -> None:
    assert refusal(Asked, Granted, Activity(Asked, group)) == (
        f"The activity Asked has a group ({said} branches, so there is nothing to choose. Give it two or "
        "more, or put the step in its place."
    )


@pytest.mark.parametrize(
    ("step", "said"), [(Light, "Light"), ("Granted", "'Granted'"), (IntegrationEvent, None)]
)
def test_steps_are_events_that_can_be_dispatched(step: Any, said: str | None) -> None:
    assert refusal(Asked, Activity(Asked, step)) == (
        f"The activity Asked has the step {said or 'IntegrationEvent'}, which nobody can dispatch. Steps are "
        "event classes of your own, tuples of steps, and `any_of`, `all_of` or `race`."
    )


def test_a_step_is_not_made_by_a_rule() -> None:
    class Wish(Entity, table=True):
        asked_id: UUID = Field(foreign_key="asked.id")

    @derive
    def granted(wish: Wish) -> Granted:
        return Granted(asked_id=wish.asked_id)

    assert refusal(Asked, Granted, Wish, granted, Activity(Asked, Granted)) == (
        "The activity Asked has the step Granted, which the rule granted makes: a rule does not wait for its "
        "turn. Dispatch it, or leave it out of the activity."
    )


def test_a_step_names_its_instance_by_one_key() -> None:
    class Lost(Event, table=True):
        pass

    class Torn(Event, table=True):
        asked_id: UUID = Field(foreign_key="asked.id")
        other_id: UUID = Field(foreign_key="asked.id")

    assert refusal(Asked, Lost, Activity(Asked, Lost, name="wish")) == (
        "The activity wish cannot tell which instance Lost belongs to: it has no foreign key to Asked. Add "
        "one, such as `asked_id`."
    )
    assert refusal(Asked, Torn, Activity(Asked, Torn)) == (
        "The activity Asked cannot tell which instance Torn belongs to: it has 2 foreign keys to Asked "
        "(asked_id, other_id). Keep one."
    )


def test_a_step_does_not_go_before_its_instance() -> None:
    class Desk(Entity, table=True):
        pass

    class Filed(Event, table=True):
        asked_id: UUID = Field(foreign_key="asked.id")
        desk_id: UUID = Field(foreign_key="desk.id", ondelete="CASCADE")

    assert refusal(Asked, Desk, Filed, Activity(Asked, Filed)) == (
        "The activity Asked has the step Filed, which would go with its Desk (Filed.desk_id cascades) and "
        "leave a gap. Let the opening event refer to Desk, or take `ondelete` away."
    )


def test_two_activities_have_two_names() -> None:
    assert refusal(Asked, Granted, Denied, Activity(Asked, Granted), Activity(Asked, Denied)) == (
        'Two activities of this App are called Asked. Give one another: `Activity(..., name="...")`.'
    )


# -- what is unique ----------------------------------------------------------------------------------------


def test_what_is_unique_are_fields_of_the_class() -> None:
    class Member(Entity, table=True):
        __table_args__ = (Unique("emial", code="email_taken"),)

        email: str

    assert refusal(Member) == (
        "a Unique of Member reads 'emial', but Member has no such field. Its fields are: id, email."
    )


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (lambda member: True, "it gives True"),
        (lambda member: member.emial == "", "emial"),
        (lambda member: not member.gone, "Boolean value of this clause is not defined"),
        (lambda member: true(), "it reads no field"),
        (lambda member: col(Granted.asked_id).is_(None), "it reads another class"),
    ],
)
def test_a_filter_is_a_condition_on_the_class(where: Any, reason: str) -> None:
    class Member(Entity, table=True):
        __table_args__ = (Unique("email", where=where),)

        email: str
        gone: bool = False

    assert refusal(Member) == (
        f"Member: the filter of Unique(email) cannot be used: {reason}. Give a condition on the columns of "
        "Member, such as `where=lambda row: row.closed_at.is_(None)`."
    )


def test_a_violation_has_one_code() -> None:
    class Member(Entity, table=True):
        __table_args__ = (Unique("email"), Unique("email", where=lambda member: ~member.gone))

        email: str
        gone: bool = False

    assert refusal(Member) == (
        "Member says twice that email is unique. Keep one, so that a violation has one code."
    )


# -- what is kept ------------------------------------------------------------------------------------------


class Log(Entity, table=True):
    words: str
    made_at: datetime


class Counters(Global, table=True):
    counted: int = 0


@pytest.mark.parametrize(
    ("retention", "reason"),
    [
        (Retention(Log), "it says neither how long nor how many. Give `ttl` or `cap`."),
        (
            Retention(Log, ttl=timedelta(0), since="made_at"),
            "datetime.timedelta(0) is no time to live. Give a timedelta: `ttl=timedelta(days=30)`.",
        ),
        (Retention(Log, cap=0), "a cap of 0 keeps nothing. Give a whole number from 1: `cap=100`."),
        (Retention(Log, ttl=timedelta(1), since="made_at", per="words"), "`per` belongs to a `cap`."),
        (Retention(Log, cap=1, since="made_at"), "`since` belongs to a `ttl`."),
        (Retention(Log, ttl=timedelta(1)), 'age counts from a moment. Name its field: `since="..."`.'),
        (Retention(Log, ttl=timedelta(1), since="words"), "words is no datetime."),
    ],
)
def test_a_retention_says_how_long_or_how_many(retention: Retention, reason: str) -> None:
    assert refusal(Log, retention) == f"Log cannot be retained like this: {reason}"


def test_a_retention_counts_by_fields_that_are_there() -> None:
    assert refusal(Log, Retention(Log, cap=1, per="word")) == (
        "a Retention of Log reads 'word', but Log has no such field. Its fields are: id, words, made_at."
    )
    assert "a Retention needs Log, which is not part of this App" in refusal(Retention(Log, cap=1))


def test_what_others_need_is_not_let_go() -> None:
    class Ping(APICall, table=True):
        request: Nothing

    @derive
    def logged(asked: Asked) -> Granted:
        return Granted(asked_id=asked.id)

    def said(*things: object) -> str:
        return refusal(*things).partition(" like this: ")[2]

    assert said(Counters, Retention(Counters, cap=1)) == "its one row is always there."
    for model in (Ping, IntegrationEvent):
        assert said(Ping, Retention(model, cap=1)).startswith("calls and what is said of them go with what")
    assert said(Asked, Granted, logged, Retention(Granted, cap=1)) == (
        "the rule logged would miss them. Retain Asked, their source."
    )
    assert said(Asked, Granted, Activity(Asked, Granted), Retention(Granted, cap=1)) == (
        "the activity Asked would have a gap. Retain Asked, and let Granted go with it: "
        '`ondelete="CASCADE"` on asked_id.'
    )


def test_a_former_name_stands_for_what_is_kept_and_is_not_there_any_more() -> None:
    class Parcel(Entity, table=True):
        __renamed__ = Renamed(weight="mass", label="text")
        weight: int
        label: str = computed(Formula(lambda parcel: str(parcel.weight)))

    class Crate(Entity, table=True):
        __renamed__ = Renamed(weight="mass")
        weight: int
        mass: int

    class Box(Entity, table=True):
        __renamed__ = Renamed("Crate")

    assert refusal(Parcel) == (
        "Parcel.__renamed__ says what 'label' was called, and Parcel keeps nothing of that name. It keeps: "
        "id, weight. All else is computed anew."
    )
    assert refusal(Crate) == (
        "Crate.__renamed__ says that Crate.mass was its former name, but Crate.mass is still declared. "
        "Remove one of both."
    )
    assert refusal(Box, Crate) == (
        "Box.__renamed__ says that Crate was its former name, but Crate is still declared. "
        "Remove one of both."
    )


# -- views -------------------------------------------------------------------------------------------------


class Bill(Entity, table=True):
    cents: int = 0
    payer_id: UUID | None = Field(default=None, foreign_key="payer.id")


class Payer(Entity, table=True):
    name: str


def test_a_view_says_what_belongs_to_it() -> None:
    class Open(Bill):
        pass

    assert refusal(Bill, Payer, Open) == (
        "Open is a subclass of Bill and has neither a table nor a `where`. Say which records belong to it: "
        "`class Open(Bill, where=lambda record: ...)`."
    )


def test_a_view_has_no_columns() -> None:
    class Open(Bill, where=lambda bill: bill.cents):
        note: str
        double: int = computed(Formula(lambda bill: bill.cents * 2))

    assert refusal(Bill, Payer, Open) == (
        "Open is a view of Bill and has no columns of its own, but declares double, note. Declare that on "
        "Bill."
    )


def test_a_view_is_of_one_class() -> None:
    class Open(Bill, where=lambda bill: bill.cents):
        pass

    class Odd(Bill, where=lambda bill: bill.cents % 2):
        pass

    class Both(Open, Odd):
        pass

    assert refusal(Bill, Payer, Open, Odd, Both) == (
        "Both is a view of Open and Odd. Make it one of Open, and let its `where` say the rest."
    )


def test_a_view_reads_what_is_there() -> None:
    class Open(Bill, where=lambda bill: bill.sense):
        pass

    assert refusal(Bill, Payer, Open) == (
        "Open reads 'sense', but Bill has no such field. Its fields are: id, cents, payer_id."
    )


def test_a_view_needs_its_base_in_the_app() -> None:
    class Open(Bill, where=lambda bill: bill.cents):
        pass

    assert refusal(Payer, Open) == (
        "Open needs Bill, which is not part of this App. Add it to the App's modules."
    )


def test_two_views_of_a_class_have_two_names() -> None:
    class Open(Bill, where=lambda bill: bill.cents):
        pass

    def elsewhere() -> type[Bill]:
        class Open(Bill, where=lambda bill: bill.cents):
            pass

        return Open

    assert refusal(Bill, Payer, Open, elsewhere()) == "Two views of Bill are called Open. Rename one."


def test_a_rule_from_a_view_cannot_decide_what_belongs_to_it() -> None:
    class Host(Entity, table=True):
        leaves: list["Leaf"] = Relationship()
        count: int = computed(Count(leaves))

    class Leaf(Entity, table=True):
        host_id: UUID = Field(foreign_key="host.id")

    class Full(Host, where=lambda host: host.count > 3):
        pass

    @derive
    def leaf(host: Full) -> Leaf:
        return Leaf(host_id=host.id)

    assert refusal(Host, Leaf, Full, leaf) == (
        "These define each other: Full <- Host.count <- rule leaf <- Full. Break the circle by storing one "
        "as a fact."
    )


def test_a_rule_returns_no_view() -> None:
    class Open(Bill, where=lambda bill: bill.cents):
        pass

    @derive
    def bill(payer: Payer) -> Open:
        return Open(payer_id=payer.id)

    assert refusal(Bill, Payer, Open, bill) == (
        "The rule bill makes Open from Payer, but Open is a view: return a Bill."
    )


def test_a_rule_is_given_a_record_once() -> None:
    class Open(Bill, where=lambda bill: bill.cents):
        pass

    class Odd(Bill, where=lambda bill: bill.cents % 2):
        pass

    @derive
    def payer(bill: Open | Odd) -> Payer:
        return Payer(name="")

    assert refusal(Bill, Payer, Open, Odd, payer) == (
        "The rule payer makes Payer from Open | Odd, but a record could be both. Declare a view of what "
        "belongs to either."
    )


def test_a_subset_names_a_view_of_its_records() -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    class Open(Bill, where=lambda bill: bill.cents):
        pass

    class Order(Entity, table=True):
        items: list[Item] = Relationship()
        odd: list[Open] = subset(items, Open)

    assert refusal(Bill, Payer, Open, Order, Item) == (
        "Order.odd takes of Item those that belong to Open, which is no view of Item in this App. Name a "
        "filtered class of Item, and add it to the App's modules."
    )


class Buyer(Entity, table=True):
    cents: int = 0


class BigBuyer(Buyer, where=lambda buyer: buyer.cents > 10):
    pass


def test_a_view_of_one_record_is_looked_up_and_not_counted() -> None:
    class Sale(Entity, table=True):
        buyer_id: UUID = Field(foreign_key="buyer.id")
        buyer: Buyer = Relationship()
        big: BigBuyer | None = subset(buyer, BigBuyer)
        bigs: int = computed(Count(big))  # type: ignore[call-overload]

    assert refusal(Buyer, BigBuyer, Sale) == (
        "Sale.bigs: Count needs a to-many relation, but Sale.big is to-one. Use Lookup for a value through a "
        "to-one relation."
    )


def test_a_view_of_many_records_is_not_looked_up() -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    class Order(Entity, table=True):
        items: list[Item] = Relationship()
        good: list[Item] = subset(items, lambda item: item.id)
        one: UUID | None = computed(Lookup(good, lambda item: item.id))  # type: ignore[attr-defined]

    assert refusal(Order, Item) == (
        "Order.one: Lookup needs a to-one relation, but Order.good is to-many. Use Latest or First to look "
        "at one of many records."
    )


def test_what_leads_to_one_record_is_not_merged_with_what_leads_to_many() -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    class Order(Entity, table=True):
        buyer_id: UUID = Field(foreign_key="buyer.id")
        buyer: Buyer = Relationship()
        items: list[Item] = Relationship()
        all: list[Any] = merged(items, buyer)  # type: ignore[call-overload]

    assert refusal(Order, Item, Buyer) == (
        "Order.all: merged needs a to-many relation, but Order.buyer is to-one. Use Lookup for a value "
        "through a to-one relation."
    )


def test_what_one_of_several_records_is_waited_for_with_is_of_one_type() -> None:
    class Shop(Entity, table=True):
        cents: str = ""

    class Sale(Entity, table=True):
        buyer_id: UUID | None = Field(foreign_key="buyer.id")
        shop_id: UUID | None = Field(foreign_key="shop.id")
        buyer: Buyer | None = Relationship()
        shop: Shop | None = Relationship()
        either: Any = merged(buyer, shop)
        light: Light = computed(
            StateMachine(Light.RED, Transition(Light.RED, Light.GREEN, when=changed(either, "cents")))
        )

    assert refusal(Buyer, Shop, Sale) == (
        "Sale.light: the trigger 'Sale.either.cents changed' can never fire: it is int in Buyer and str in "
        "Shop. Give it one type, or wait for each relation by itself."
    )


@pytest.mark.parametrize("quoted", [True, False])
def test_a_relation_is_not_declared_to_a_view(quoted: bool) -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        cents: int = 0

    class DearItem(Item, where=lambda item: item.cents > 100):
        pass

    class Order(Entity, table=True):
        __annotations__ = {"items": list["DearItem"] if quoted else list[DearItem]}
        items = Relationship()

    assert refusal(Order, Item, DearItem) == (
        "Order.items is a relation to DearItem, which is a view of Item and has no table of its own. Declare "
        "the relation to Item, and take a part of it: `dear_items: list[DearItem] = subset(items, DearItem)`."
    )


def test_a_relation_to_one_record_is_not_declared_to_a_view() -> None:
    class Sale(Entity, table=True):
        buyer_id: UUID = Field(foreign_key="buyer.id")
        buyer: BigBuyer = Relationship()
        cents: int | None = computed(Lookup(buyer, lambda buyer: buyer.cents))

    assert refusal(Sale, Buyer, BigBuyer) == (
        "Sale.buyer is a relation to BigBuyer, which is a view of Buyer and has no table of its own. Declare "
        "the relation to Buyer, and take a part of it: "
        "`big_buyer: BigBuyer | None = subset(buyer, BigBuyer)`."
    )


@pytest.mark.parametrize("place", ["a Retention", "the guard never", "Sale.buyer_id"])
def test_what_needs_a_table_does_not_name_a_view(place: str) -> None:
    class Called(Event, table=True):
        loud: bool = False

    class LoudCall(Called, where=lambda called: called.loud):
        pass

    class Sale(Entity, table=True):
        buyer_id: UUID = Field(foreign_key="big_buyer.id")

    @guard(LoudCall)
    def never(event: LoudCall) -> bool:
        return False

    declared: dict[str, object] = {
        "a Retention": Retention(BigBuyer, cap=1),
        "the guard never": never,
        "Sale.buyer_id": Sale,
    }
    view, base = ("LoudCall", "Called") if declared[place] is never else ("BigBuyer", "Buyer")
    assert refusal(Buyer, BigBuyer, Called, LoudCall, declared[place]) == (
        f"{place} names {view}, which is a view of {base} and has no table of its own. Name {base} there."
    )


def test_what_needs_a_table_does_not_name_a_class_that_others_extend_nor_a_part_of_it() -> None:
    class Party(Entity):
        debt: int = 0

    class Man(Party, table=True):
        pass

    class Club(Party, table=True):
        pass

    class Debtor(Party, where=lambda party: party.debt > 0):
        pass

    for model in (Party, Debtor):
        assert refusal(Man, Club, Debtor, policy(model)(lambda reader: True)) == (
            f"the policy <lambda> names {model.__name__}, which has no table of its own: its records are in "
            "those of Man and Club. Name each of these there."
        )


def test_a_policy_of_a_view_hides_no_fields() -> None:
    @policy(BigBuyer, hides=("name",))
    def nobody(reader: Reader) -> bool:
        return False

    assert refusal(Buyer, BigBuyer, nobody) == (
        "The policy nobody hides fields of BigBuyer, which is a view of Buyer: a field is hidden of all "
        "records of a class, or of none. Let a policy of Buyer hide it."
    )


def test_a_key_does_not_lead_to_a_class_that_others_extend() -> None:
    class Party(Entity):
        name: str = ""

    class Man(Party, table=True):
        pass

    class Club(Party, table=True):
        pass

    class Invitation(Entity, table=True):
        party_id: UUID = Field(foreign_key="party.id")

    assert refusal(Invitation, Man, Club) == (
        "Invitation.party_id refers to 'party.id', but Party has no table of its own: its records are in "
        "those of Man and Club. Declare a key and a relation to each of them, and merge the relations: "
        "`merged(man, club)`."
    )


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("many", [True, False])
def test_a_relation_is_not_declared_to_a_class_that_others_extend(many: bool, quoted: bool) -> None:
    class Party(Entity):
        name: str = ""

    class Man(Party, table=True):
        house_id: UUID = Field(foreign_key="house.id")

    class Club(Party, table=True):
        pass

    kind: Any = "Party" if quoted else Party

    class House(Entity, table=True):
        __annotations__ = {"those": list[kind] if many else kind}
        those = Relationship()

    assert refusal(Man, House, Club) == (
        "House.those is a relation to Party, which has no table of its own: its records are in those of Man "
        "and Club. Declare a relation to each of them, and merge these: `those: ... = merged(...)`."
    )


def test_nothing_is_no_relation_to_merge() -> None:
    class Order(Entity, table=True):
        items: list[Any] = merged()

    assert refusal(Order) == (
        "Order.items: merged is over something that is not a relation of Order. Name a relation declared "
        "above it in the class body."
    )


def test_a_subset_names_a_relation_of_its_class() -> None:
    class Order(Entity, table=True):
        good: list[Any] = subset([], lambda order: order.id)

    assert refusal(Order) == (
        "Order.good: subset is over something that is not a relation of Order. Name a relation declared "
        "above it in the class body."
    )


def test_what_is_merged_is_of_different_classes() -> None:
    class Item(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    class Order(Entity, table=True):
        items: list[Item] = Relationship()
        first: list[Item] = subset(items, lambda item: item.id)
        second: list[Item] = subset(items, lambda item: item.id)
        both: list[Item] = merged(first, second)

    assert refusal(Order, Item) == (
        "Order.both merges two relations to Item, so a record could be in it twice. Merge relations to "
        "different classes."
    )


def test_a_custom_value_is_not_of_all_records() -> None:
    class Totals(Global, table=True):
        bills: list[Bill] = subset(Bill, lambda bill: bill.cents)
        most: int = computed(Custom(lambda totals: len(totals.bills), reads=("bills",)))

    assert refusal(Totals, Bill, Payer) == (
        "Totals.most: Custom needs a to-many relation, but Totals.bills is of all records. Say `over=`, or "
        "use an aggregate."
    )


# -- what newcomers write ----------------------------------------------------------------------------------


def test_a_record_is_no_field() -> None:
    class Box(Entity, table=True):
        name: str

    class Item(Entity, table=True):
        box: Box

    class Shelf(Entity, table=True):
        boxes: list[Box] = []

    assert refusal(Box, Item) == (
        "Item.box is declared as Box, but a record is kept in its own table. Declare its key and the "
        'relation: `box_id: UUID = Field(foreign_key="box.id")` and `box: Box = Relationship()`.'
    )
    assert refusal(Box, Shelf).endswith(
        "Declare its key and the relation: `boxes: list[Box] = Relationship()`, and a foreign key in Box."
    )


def test_a_key_is_of_the_type_that_it_refers_to() -> None:
    class Box(Entity, table=True):
        name: str

    class Item(Entity, table=True):
        box_id: int = Field(foreign_key="box.id")

    assert refusal(Box, Item) == (
        "Item.box_id is declared as int, but refers to Box.id, which is a UUID. Annotate it as UUID."
    )


def test_what_happens_on_delete_is_said_as_sql_says_it() -> None:
    how: Any = "cascade"

    class Box(Entity, table=True):
        name: str

    class Item(Entity, table=True):
        box_id: UUID = Field(foreign_key="box.id", ondelete=how)

    assert refusal(Box, Item) == (
        'Item.box_id declares `ondelete=\'cascade\'`, which means nothing. Say "CASCADE", "SET NULL" or '
        '"RESTRICT", or leave it out: then what refers to a record keeps it.'
    )


def test_events_are_guarded_and_nothing_else() -> None:
    class Box(Entity, table=True):
        name: str

    kind: Any = Box

    @guard(kind)
    def careful(event: Any, admission: Any) -> bool:
        return True

    assert refusal(Box, careful) == (
        "The condition careful guards Box, which nobody dispatches, so that it would never be asked. "
        "Guard an "
        "Event class; facts are checked by their fields, `Field(gt=0)`."
    )


def test_a_condition_takes_the_event_and_the_admission() -> None:
    class Came(Event, table=True):
        name: str

    def careful(event: Any) -> bool:
        return True

    test: Any = careful
    assert refusal(Came, guard(Came)(test)) == (
        "The condition careful cannot be asked: it takes (event: Any) -> bool. Declare it as "
        "`(event, admission) -> bool`."
    )


def test_a_machine_is_made_of_states_and_transitions_with_triggers() -> None:
    def machine(*parts: Any) -> type[Entity]:
        class Box(Entity, table=True):
            name: str = ""
            stage: Stage = computed(StateMachine(*parts))

        return Box

    assert refusal(machine("asked")) == (
        "Box.stage: 'asked' is no state. Write `class Status(StrEnum): OPEN = \"open\"`, and "
        "`StateMachine(Status.OPEN, ...)`."
    )
    assert refusal(machine(Stage.ASKED, [])) == (
        "Box.stage: [] is no transition. Write `StateMachine(Status.OPEN, Transition(Status.OPEN, "
        "Status.DONE, when=...), ...)`."
    )
    moved: Any = Transition(Stage.ASKED, Stage.PAID, when="paid")  # type: ignore[call-overload]  # the mistake
    assert refusal(machine(Stage.ASKED, moved)) == (
        "Box.stage: 'paid' is no trigger. Write `when=on(Paid)`, `created(items)`, `completed(charges)`, or "
        "another trigger."
    )


def test_computed_takes_a_computation() -> None:
    given: Any = len
    with pytest.raises(NotAComputation) as wrong:
        computed(given)
    assert str(wrong.value) == (
        "`computed(...)` takes a computation, and was given <built-in function len>. What follows from the "
        "record itself is `computed(Formula(lambda record: ...))`."
    )


def test_a_type_of_which_nobody_knows_a_column_is_named() -> None:
    class Item(Entity, table=True):
        thing: object = None

    refused = refusal(Item)
    assert refused.startswith("Item.thing is declared as <class 'object'>, for which there is no column.")


def test_an_error_of_a_callback_says_whose_it_is() -> None:
    class Item(Entity, table=True):
        parts: int = 0
        share: int = computed(Formula(lambda item: 100 // item.parts))

    with opened(App([[Item]])) as app:
        with pytest.raises(ZeroDivisionError) as raised, app.transaction() as tx:
            tx.add(Item())
        said = "This was raised by Item.share, which follows from what the transaction did."
        assert raised.value.__notes__ == [said]
        assert app.query(select(Item)) == []


# -- what computations and fields are given ------------------------------------------------------------------


def with_property(annotation: Any, make: Any) -> type[Entity]:
    """A box with items, and the property `p` that is computed from them."""

    class Item(Entity, table=True):
        box_id: UUID = Field(foreign_key="box.id")
        price: int = 0

    items: Any = Relationship()
    body = {
        "__module__": __name__,
        "__qualname__": "Box",
        "__annotations__": {"name": str, "items": list[Item], "p": annotation},
        "items": items,
        "p": computed(make(items)),
    }
    box: Any = type(Entity)("Box", (Entity,), body, table=True)
    box.item = Item
    return box  # type: ignore[no-any-return]  # it is a class


async def later(record: Any) -> Any:
    return record.price


def one_by_one(record: Any) -> Any:
    yield record.price


NO_PROMISE = (
    "but its value is wanted at once, in the transaction. Write it as a plain `def` that returns the value."
)
PROPERTIES: dict[str, tuple[Any, Any, str]] = {
    "a promise": (
        int,
        lambda items: Count(items, later),
        f"Box.p has a callback that is `async def`, {NO_PROMISE}",
    ),
    "a generator": (
        int,
        lambda items: Sum(items, one_by_one),
        f"Box.p has a callback that is a generator, {NO_PROMISE}",
    ),
    "a text": (
        int,
        lambda items: Sum(items, "price"),
        "Box.p has 'price' in the place of a callback, which is no function. Write it as `lambda "
        "record: ...`.",
    ),
    "nothing": (
        int,
        lambda items: Formula(None),
        "Box.p has None in the place of a callback, which is no function. Write it as `lambda record: ...`.",
    ),
    "a step": (
        int,
        lambda items: Custom(lambda box: 1, step=lambda value: value, reads=("items",)),
        "the step of Box.p has a callback that takes 1 parameter, but it is called with the value and the "
        "before and the after. Write it as `lambda value, before, after: ...`.",
    ),
    "one text of reads": (
        int,
        lambda items: Formula(lambda box: 1, reads="name"),
        "Box.p says `reads='name'`, which is no tuple of names. Write `reads=('name',)`.",
    ),
    "a scope as text": (
        int,
        lambda items: Sequence(per="name"),
        "Box.p says `per='name'`, which is no tuple of names. Write `per=('name',)`.",
    ),
    "a scope that is none": (
        int,
        lambda items: Sequence(per=None),
        'Box.p says `per=None`, which is no tuple of names. Write `per=("field",)`.',
    ),
    "a start as text": (
        int,
        lambda items: Sequence(start="1"),
        "Box.p: Sequence(start='1') cannot be: it must be a whole number.",
    ),
    "a step of 0": (
        int,
        lambda items: Sequence(step=0),
        "Box.p: Sequence(step=0) cannot be: it must be a whole number other than 0.",
    ),
    "a limit of 0": (
        list[int],
        lambda items: Collect(items, lambda item: item.price, 0),
        "Box.p: Collect(limit=0) cannot be: it must be a whole number from 1.",
    ),
    "an empty that is neither": (
        bool,
        lambda items: Every(items, lambda item: item.price, empty=None),
        "Box.p: Every(empty=None) cannot be: it must be True or False.",
    ),
    "another type for what is missing": (
        int,
        lambda items: Sum(items, lambda item: item.price, missing="0"),
        "Box.p: Sum(missing='0') cannot be: the property is a int. Give a value of that type.",
    ),
    "another type in every group": (
        dict[str, int],
        lambda items: Sum(items, lambda item: item.price, missing="0", by=lambda item: str(item.price)),
        "Box.p: Sum(missing='0') cannot be: the property is a int. Give a value of that type.",
    ),
    "another type before a deadline": (
        bool,
        lambda items: Deadline(lambda box: None, "open", "over"),
        "Box.p: Deadline(before='open') cannot be: the property is a bool. Give a value of that type.",
    ),
    "a Global that is none": (
        int,
        lambda items: Count(items, lambda item, shop: item.price, given=5),
        "Box.p needs 5, which is not part of this App. Add it to the App's modules.",
    ),
    "all records of no class": (
        int,
        lambda items: Custom(lambda box, records: 1, over=5),
        "Box.p needs 5, which is not part of this App. Add it to the App's modules.",
    ),
    "a state that cannot be one": (
        Light,
        lambda items: StateMachine(
            Light.RED,
            Transition([Light.RED], Light.GREEN, when=created(items)),  # type: ignore[list-item]
        ),
        "Box.p: the transition [<Light.RED: 'red'>] -> green names \"[<Light.RED: 'red'>]\", which "
        "is no state of "
        "Light. Use a member of Light.",
    ),
}


@pytest.mark.parametrize("mistake", PROPERTIES)
def test_what_a_computation_is_given_is_what_it_takes(mistake: str) -> None:
    annotation, make, text = PROPERTIES[mistake]
    box: Any = with_property(annotation, make)
    assert refusal(box, box.item) == text


NO_RECORD = "with which no record could be stored"
VALID = "Give it one that is valid, or none; for None, annotate it `| None`."
FACTS: dict[str, tuple[Any, Any, str]] = {
    "no default of its type": (
        int,
        "a",
        f"Item.fact has the default 'a', {NO_RECORD}: Input should be a valid integer, unable to "
        "parse string as "
        f"an integer. {VALID}",
    ),
    "None": (
        int,
        None,
        f"Item.fact has the default None, {NO_RECORD}: Input should be a valid integer. {VALID}",
    ),
    "out of its bounds": (
        int,
        Field(default=0, gt=0),
        f"Item.fact has the default 0, {NO_RECORD}: Input should be greater than 0. {VALID}",
    ),
    "bounds of another type": (
        str,
        Field(gt=3),
        "Item.fact is declared as str with constraints that it cannot have: no str is compared with 3. Leave "
        "them out, or annotate it as what they are for.",
    ),
    "an index of JSON": (
        dict[str, int],
        Field(index=True),
        "Item.fact is kept as JSON, of which no index is made, and so nothing is unique by it. Give what is "
        "looked for a field of its own.",
    ),
    "what is unique in JSON": (
        list[int],
        Field(unique=True),
        "Item.fact is kept as JSON, of which no index is made, and so nothing is unique by it. Give what is "
        "looked for a field of its own.",
    ),
    "a key to no id": (
        str,
        Field(foreign_key="item.name"),
        "Item.fact refers to 'item.name', but records are referred to by their id. Refer to "
        '`foreign_key="item.id"`, and read the other value through a relation.',
    ),
}


@pytest.mark.parametrize("mistake", FACTS)
def test_what_a_fact_is_given_is_what_it_takes(mistake: str) -> None:
    annotation, value, text = FACTS[mistake]
    body = {
        "__module__": __name__,
        "__qualname__": "Item",
        "__annotations__": {"name": str, "fact": annotation},
        "fact": value,
    }
    assert refusal(type(Entity)("Item", (Entity,), body, table=True)) == text


def test_a_default_that_is_made_is_made_of_nothing() -> None:
    class Item(Entity, table=True):
        fact: int = Field(default_factory=lambda facts: 1)

    assert refusal(Item).endswith(f"{NO_RECORD}: its factory takes an argument. {VALID}")


def test_what_the_framework_gives_every_event_and_call_stays_what_it_is() -> None:
    class Paid(Event, table=True):
        at: str  # type: ignore[assignment]

    class Charge(APICall, table=True):
        request: Nothing
        created_at: str  # type: ignore[assignment]

    for model, told in ((Paid, "Paid.at"), (Charge, "Charge.created_at")):
        assert refusal(model) == (
            f"{told} is declared as str, but of every {model.__bases__[0].__name__} it is a datetime, which "
            "the framework gives it. Take the declaration out, and keep other values in a field of another "
            "name."
        )


def test_a_call_asks_by_a_payload() -> None:
    class Charge(APICall, table=True):
        request: dict[str, int]

    class Empty(APICall, table=True):
        cents: int = 0

    end = "but a call keeps what it asks for as a payload. Declare"
    assert refusal(Charge) == (
        f"Charge.request is dict[str, int], {end} `class ChargeRequest(Payload):` and `request: "
        "ChargeRequest`."
    )
    assert refusal(Empty) == (
        f"Empty.request is not declared, {end} `class EmptyRequest(Payload):` and `request: EmptyRequest`."
    )


def test_a_record_is_of_one_kind() -> None:
    class Happening(Event, Entity, table=True):
        name: str

    assert refusal(Happening) == (
        "Happening is declared as Event and as Entity at once. Make it one of them, and refer to the "
        "other by a "
        "foreign key."
    )


def test_a_view_is_told_apart_by_a_function() -> None:
    class Item(Entity, table=True):
        price: int = 0

    class Dear(Item, where=Light):
        pass

    class Cheap(Item, where=lambda item: item.price < 5, reads="price"):
        pass

    assert refusal(Item, Dear) == (
        "Dear has <enum 'Light'> in the place of a callback, which is no function. Write it as "
        "`where=lambda record: ...`."
    )
    assert refusal(Item, Cheap) == (
        "Cheap says `reads='price'`, which is no tuple of names. Write `reads=('price',)`."
    )


def test_a_rule_answers_with_records() -> None:
    class Paid(Event, table=True):
        cents: int = 0

    class Item(Entity, table=True):
        price: int = 0

    @derive
    async def item(paid: Paid) -> Item:
        return Item()

    @derive
    def mixed(paid: Paid) -> Item | int:
        return 1

    @derive
    def named(paid: Paid) -> dict[str, Item]:
        return {}

    @derive
    def several(paid: Paid) -> Iterator[Item]:
        yield Item()

    assert refusal(Paid, Item, item) == f"the rule item has a callback that is `async def`, {NO_PROMISE}"
    for rule, made in ((mixed, "mixed"), (named, "named")):
        assert refusal(Paid, Item, rule).startswith(
            f"The rule {made} needs one parameter and a return type that name record classes"
        )
    assert App([[Paid, Item, several]])


def test_a_guard_and_a_policy_answer_at_once() -> None:
    class Paid(Event, table=True):
        cents: int = 0

    class Item(Entity, table=True):
        price: int = 0

    async def own(event: Any, admission: Any) -> bool:
        return True

    async def mine(reader: Any) -> bool:
        return True

    def all_of_it(reader: Any) -> bool:
        return True

    assert (
        refusal(Paid, guard(Paid)(own))
        == f"the condition own has a callback that is `async def`, {NO_PROMISE}"
    )  # type: ignore[arg-type]
    assert (
        refusal(Item, policy(Item)(mine))
        == f"the policy mine has a callback that is `async def`, {NO_PROMISE}"
    )  # type: ignore[arg-type]
    assert refusal(Item, policy(Item, hides="price")(all_of_it)) == (
        "the policy all_of_it says `hides='price'`, which is no tuple of names. Write `hides=('price',)`."
    )


def test_what_vendors_say_is_guarded_by_nobody() -> None:
    def own(event: Any, admission: Any) -> bool:
        return True

    assert refusal(IntegrationEvent, guard(IntegrationEvent)(own)) == (
        "The condition own guards IntegrationEvent, which nobody dispatches, so that it would never "
        "be asked. "
        "Guard an Event class; facts are checked by their fields, `Field(gt=0)`."
    )


def test_every_mistake_has_its_test() -> None:
    """This test reads what the tests above have provoked, and so comes last."""
    if len(provoked) < 2:
        pytest.skip("it needs the tests above")
    known = {name for name, one in vars(mistakes).items() if _is_mistake(one)}
    assert known - provoked == set()


def _is_mistake(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, DeclarationError) and one is not DeclarationError
