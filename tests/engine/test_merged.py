"""Merged classes and relations: several kinds of records, seen as one."""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest
from sqlmodel import col, select

from framework import (
    APICall,
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
    Max,
    Min,
    Payload,
    Relationship,
    Some,
    StateMachine,
    Sum,
    Transition,
    WeightedSum,
    computed,
    created,
    derive,
    entered,
    left,
    merged,
    subset,
)
from framework.app import App
from framework.errors import DispatchError
from framework.plan.plan import compile_plan

Money = Annotated[Decimal, Field(decimal_places=2)]


class Party(Entity):
    """Whoever can owe something: a person or a company."""

    kind: ClassVar[str]

    name: str | None
    debt: int = 0
    household_id: UUID | None = Field(default=None, foreign_key="household.id", ondelete="SET NULL")

    owes: bool = computed(Formula(lambda party: party.debt > 0))


class Person(Party, table=True):
    kind: ClassVar[str] = "person"

    age: int = 0


class Company(Party, table=True):
    kind: ClassVar[str] = "company"


class Debtor(Party, where=lambda party: party.owes):
    """A party that owes something."""

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"


class Child(Person, where=lambda person: person.age < 18):
    pass


def debt_of(debtor: Any) -> int:
    return 0 if debtor is None else int(debtor.debt)


class House(StrEnum):
    EMPTY = "empty"
    FULL = "full"
    LEFT = "left"


class Household(Entity, table=True):
    persons: list[Person] = Relationship()
    companies: list[Company] = Relationship()
    parties: list[Party] = merged(persons, companies)
    debtors: list[Debtor] = subset(parties, Debtor)
    children: list[Child] = subset(persons, Child)
    small: list[Party] = merged(children, companies)

    count: int = computed(Count(parties))
    debt: int = computed(Sum(parties, lambda party: party.debt))
    weighed: int = computed(WeightedSum(parties, lambda party: party.debt, weight=lambda party: 2))
    mean: float | None = computed(Average(parties, lambda party: party.debt))
    fair: Money | None = computed(Average(parties, lambda party: Decimal(party.debt) / 100))
    all_owe: bool = computed(Every(parties, lambda party: party.owes, empty=False))
    some_owe: bool = computed(Some(parties, lambda party: party.owes))
    least: int | None = computed(Min(parties, lambda party: party.debt))
    most: int | None = computed(Max(parties, lambda party: party.debt))
    first: str | None = computed(First(parties, lambda party: party.name))
    latest: str | None = computed(Latest(parties, lambda party: party.name))
    newest: list[str] = computed(Collect(parties, lambda party: party.name, limit=2))
    debtors_newest: list[str] = computed(Collect(debtors, lambda party: party.title, limit=3))
    owed_by: int = computed(Count(debtors))
    small_count: int = computed(Count(small))
    names: list[str] = computed(
        Custom(
            lambda house: sorted(party.name for party in house.parties if party.name is not None),
            reads=("parties.name",),
        )
    )
    by_kind: dict[str, int] = computed(Sum(parties, lambda party: party.debt, by=lambda party: party.kind))
    named: dict[str, int] = computed(Count(parties, by=lambda party: party.name))
    mean_by_name: dict[str, float] = computed(
        Average(debtors, lambda party: party.debt, by=lambda party: party.name)
    )
    doubled: int = computed(Formula(lambda house: house.count * 2))
    house: House = computed(
        StateMachine(
            House.EMPTY,
            Transition(House.EMPTY, House.FULL, when=entered(parties)),
            Transition(House.LEFT, House.FULL, when=entered(parties)),
            Transition(House.FULL, House.LEFT, when=left(parties)),
        )
    )


class Card(Entity, table=True):
    holder: str
    holder_id: UUID


class Warned(Event, table=True):
    party_id: UUID


class Note(Payload):
    text: str


class Letter(APICall, table=True):
    request: Note


class Fax(APICall, table=True):
    request: Note


class Totals(Global, table=True):
    parties: int = computed(Count(Party))
    debt: int = computed(Sum(Debtor, lambda party: party.debt))
    richest: str | None = computed(Latest(Party, lambda party: party.name))
    calls: int = computed(Count(APICall))
    heard: int = computed(Count(Warned))
    everything: list[Party] = merged(Child, Company)
    small: int = computed(Count(everything))
    names: list[str] = computed(
        Custom(
            lambda totals, parties: sorted(party.name for party in parties if party.name),
            over=Party,
            reads=("Party.name",),
        )
    )
    owed_doubled: int = computed(
        Custom(
            lambda totals, debtors: sum(debtor.debt for debtor in debtors) * 2,
            lambda value, before, after: value - 2 * debt_of(before) + 2 * debt_of(after),
            over=Debtor,
            reads=("Debtor.debt",),
        )
    )
    house: House = computed(
        StateMachine(
            House.EMPTY,
            Transition(House.EMPTY, House.FULL, when=created(Party)),
            Transition(House.FULL, House.LEFT, when=left(Debtor)),
        )
    )


@derive
def card(party: Party) -> Card:
    """Whoever there is has a card."""
    return Card(holder=party.name or "?", holder_id=party.id)


@derive
def warned(party: Debtor) -> Warned:
    """Whoever owes something is warned once."""
    return Warned(party_id=party.id)


@derive
def letter(party: Child | Company) -> Letter:
    """Children and companies get letters."""
    return Letter(request=Note(text=party.name or ""))


DECLARED = [
    Person,
    Company,
    Debtor,
    Child,
    Household,
    Card,
    Warned,
    Letter,
    Fax,
    Totals,
    card,
    warned,
    letter,
]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    app = App([DECLARED], database=database_url)
    app.create()
    yield app
    assert app.verify() == []
    app.close()


def settle_in(app: App) -> tuple[Household, Person, Company, Person]:
    with app.transaction() as tx:
        house = tx.add(Household())
        ada = tx.add(Person(name="ada", debt=3, household_id=house.id, age=40))
    with app.transaction() as tx:
        acme = tx.add(Company(name="acme", debt=0, household_id=house.id))
        bob = tx.add(Person(name=None, debt=8, household_id=house.id, age=4))
    return house, ada, acme, bob


def test_records_of_one_transaction_are_in_the_order_of_their_making_whatever_their_kinds(app: App) -> None:
    with app.transaction() as tx:
        house = tx.add(Household())
        for n in range(30):
            tx.add((Person, Company)[n % 3 == 0](name=f"p{n:02}", debt=1, household_id=house.id))
    found = app.get(Household, house.id)
    assert (found.first, found.latest, found.newest) == ("p00", "p29", ["p29", "p28"])
    assert found.debtors_newest == ["person p29", "person p28", "company p27"]
    assert [party.name for party in app.members(Party)] == [f"p{n:02}" for n in range(30)]
    with app.transaction() as tx:
        tx.delete_where(Person, col(Person.name) >= "p28")
    assert (app.get(Household, house.id).latest, app.verify()) == ("p27", [])


def test_every_computation_takes_several_kinds_as_one(app: App) -> None:
    house, ada, acme, bob = settle_in(app)
    found = app.get(Household, house.id)
    assert (found.count, found.doubled, found.debt, found.weighed, found.mean) == (3, 6, 11, 22, 11 / 3)
    assert (found.all_owe, found.some_owe, found.least, found.most) == (False, True, 0, 8)
    assert (found.first, found.latest, found.newest, found.names) == (
        "ada",
        "acme",
        ["acme", "ada"],
        ["acme", "ada"],
    )
    with app.transaction() as tx:
        tx.update(bob, name="bob")
        tx.update(acme, debt=9)
        tx.delete(ada)
    found = app.get(Household, house.id)
    assert (found.count, found.debt, found.mean, found.all_owe) == (2, 17, 8.5, True)
    assert (found.first, found.latest, found.newest) == ("acme", "bob", ["bob", "acme"])
    assert (found.least, found.most) == (8, 9)


def test_a_decimal_mean_of_several_kinds_is_that_of_all_their_records(app: App) -> None:
    house, ada, acme, bob = settle_in(app)
    assert app.get(Household, house.id).fair == Decimal("0.04")
    with app.transaction() as tx:
        tx.update(acme, debt=9)
        tx.delete(ada)
    assert app.get(Household, house.id).fair == Decimal("0.09")
    with app.transaction() as tx:
        tx.delete(acme)
    assert app.get(Household, house.id).fair == Decimal("0.08")
    with app.transaction() as tx:
        tx.update(bob, debt=-7)
    assert app.get(Household, house.id).fair == Decimal("-0.07")
    with app.transaction() as tx:
        tx.delete(bob)
    assert app.get(Household, house.id).fair is None


def test_totals_by_key_add_up_over_several_kinds(app: App) -> None:
    house, ada, acme, bob = settle_in(app)
    found = app.get(Household, house.id)
    assert (found.by_kind, found.named, found.mean_by_name) == (
        {"person": 11, "company": 0},
        {"ada": 1, "acme": 1},
        {"ada": 3.0},
    )
    with app.transaction() as tx:
        tx.update(acme, name="ada", debt=4)
        tx.update(bob, name="bob")
    found = app.get(Household, house.id)
    assert (found.by_kind, found.named, found.mean_by_name) == (
        {"person": 11, "company": 4},
        {"ada": 2, "bob": 1},
        {"ada": 3.5, "bob": 8.0},
    )
    because = app.explain(Household, "named", house.id).because
    assert because == (
        "it is the Count over 2 records of Person, by household_id and 1 records of Company, by household_id"
    )
    with app.transaction() as tx:
        tx.delete(ada)
        tx.update(bob, household_id=None)
        tx.delete(acme)
    found = app.get(Household, house.id)
    assert (found.by_kind, found.named, found.mean_by_name, app.verify()) == ({}, {}, {}, [])


def test_anything_is_computed_from_all_records_of_several_kinds(app: App) -> None:
    _, ada, acme, _ = settle_in(app)
    totals = app.get(Totals)
    assert (totals.names, totals.owed_doubled) == (["acme", "ada"], 22)
    with app.transaction() as tx:
        tx.update(acme, debt=10, name="aaa")
        tx.delete(ada)
        tx.add(Company(name="zoo", debt=-5))
    totals = app.get(Totals)
    assert (totals.names, totals.owed_doubled, app.verify()) == (["aaa", "zoo"], 36, [])
    assert app.explain(Totals, "names").because == "it is computed from all records of Person and Company"


def test_nothing_of_several_kinds_is_nothing(app: App) -> None:
    with app.transaction() as tx:
        house = tx.add(Household())
    found = app.get(Household, house.id)
    assert (found.count, found.debt, found.mean, found.least, found.latest, found.newest, found.all_owe) == (
        0, 0, None, None, None, [], False,
    )  # fmt: skip


def test_a_view_of_several_kinds_and_several_views_as_one(app: App) -> None:
    house, ada, acme, bob = settle_in(app)
    found = app.get(Household, house.id)
    assert (found.owed_by, found.debtors_newest, found.small_count) == (2, ["person None", "person ada"], 2)
    assert (app.get(Totals).debt, app.get(Totals).small) == (11, 2)
    with app.transaction() as tx:
        tx.update(acme, debt=1)
        tx.update(ada, debt=0)
        tx.update(bob, age=18)
    found = app.get(Household, house.id)
    assert (found.owed_by, found.debtors_newest) == (2, ["person None", "company acme"])
    assert found.small_count == 1
    assert (app.get(Totals).debt, app.get(Totals).small) == (9, 1)


def test_all_records_of_several_kinds_are_counted_and_read(app: App) -> None:
    _, ada, acme, bob = settle_in(app)
    totals = app.get(Totals)
    assert (totals.parties, totals.richest, totals.calls) == (3, "acme", 2)
    assert [(one.id, one.kind) for one in app.members(Party)] == [
        (ada.id, "person"),
        (acme.id, "company"),
        (bob.id, "person"),
    ]
    assert [one.id for one in app.members(Debtor)] == [ada.id, bob.id]
    assert [type(one) for one in app.members(Child)] == [Child]


def test_a_rule_makes_one_record_of_each_of_several_kinds(app: App) -> None:
    _, ada, acme, bob = settle_in(app)
    cards = {one.holder_id: one for one in app.query(select(Card))}
    assert {id: one.holder for id, one in cards.items()} == {ada.id: "ada", acme.id: "acme", bob.id: "?"}
    with app.transaction() as tx:
        tx.update(acme, name="acme ltd")
        tx.delete(ada)
    kept = {one.holder_id: one for one in app.query(select(Card))}
    assert {id: one.holder for id, one in kept.items()} == {acme.id: "acme ltd", bob.id: "?"}
    assert kept[acme.id].id == cards[acme.id].id
    assert {one.party_id for one in app.query(select(Warned))} == {ada.id, bob.id}
    assert {one.request.text for one in app.query(select(Letter))} == {"", "acme"}


def test_a_class_that_others_extend_may_stand_in_the_list_beside_them() -> None:
    assert compile_plan([[Party, *DECLARED]]).shapes.keys() == compile_plan([DECLARED]).shapes.keys()


def test_two_kinds_may_have_ids_in_common(app: App) -> None:
    one = UUID(int=9)
    with app.transaction() as tx:
        tx.add(Person(id=one, name="ada"))
        tx.add(Company(id=one, name="acme"))
    assert {card.holder for card in app.query(select(Card))} == {"ada", "acme"}
    with app.transaction() as tx:
        tx.delete(Company, one)
    assert {card.holder for card in app.query(select(Card))} == {"ada"}


def test_machines_hear_of_all_kinds(app: App) -> None:
    house, _, acme, bob = settle_in(app)
    assert app.get(Household, house.id).house is House.FULL
    assert app.get(Totals).house is House.FULL
    with app.transaction() as tx:
        tx.update(acme, household_id=None)
    assert app.get(Household, house.id).house is House.LEFT
    with app.transaction() as tx:
        tx.update(bob, debt=0)
    assert app.get(Totals).house is House.LEFT


def test_the_kind_of_a_record_is_its_class_and_stays(app: App) -> None:
    _, ada, _, _ = settle_in(app)
    with pytest.raises(DispatchError, match="Person has no field 'kind'"):
        with app.transaction() as tx:
            tx.update(Person, ada.id, kind="company")
    with pytest.raises(DispatchError, match="Party has no table of its own"):
        Party(name="nobody")
    assert app.get(Person, ada.id).kind == "person"


def test_explain_names_all_kinds(app: App) -> None:
    house, *_ = settle_in(app)
    why = app.explain(Household, "newest", house.id)
    assert why.because == (
        "it is the Collect over 1 of 2 records of Person, by household_id and 1 records of Company, by "
        "household_id"
    )
    assert app.explain(Totals, "parties").because == "it is the Count over all records of Person and Company"
    assert "made it from" in str(app.explain(Card, "holder", app.query(select(Card))[0].id))
