"""Views of to-one relations: the record at their end, if it is a member; of several, the first there is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import pytest

from framework import (
    Custom,
    Entity,
    Field,
    Formula,
    Global,
    Lookup,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    became,
    computed,
    merged,
    subset,
)
from framework.app import App, opened
from framework.runtime.transaction import Transaction


class Care(StrEnum):
    USUAL = "usual"
    SPECIAL = "special"


class Rates(Global, table=True):
    percent: int = 10


class Payer(Entity):
    """Whoever can pay."""

    name: str
    points: int = 0

    tier: int = computed(Formula(lambda payer: payer.points // 100))


class Person(Payer, table=True):
    bills: list["Bill"] = Relationship(back_populates="person")

    saved: int = computed(Sum(bills, lambda bill: bill.discount))


class Firm(Payer, table=True):
    pass


class Agency(Payer, table=True):
    pass


class Vip(Person, where=lambda person: person.tier > 0):
    @property
    def title(self) -> str:
        return f"dear {self.name}"


class Bill(Entity, table=True):
    cents: int = 0
    person_id: UUID | None = Field(default=None, foreign_key="person.id", ondelete="SET NULL")
    firm_id: UUID | None = Field(default=None, foreign_key="firm.id", ondelete="SET NULL")
    agency_id: UUID | None = Field(default=None, foreign_key="agency.id", ondelete="SET NULL")
    person: Person = Relationship(back_populates="bills")
    firm: Firm = Relationship()
    vip: Vip | None = subset(person, Vip)
    great: Vip | None = subset(vip, lambda vip: vip.tier > 1)
    rich: Firm | None = subset(firm, lambda firm: firm.points > 5)
    payer: Payer | None = merged(great, rich)
    anybody: Payer | None = merged(person, firm)
    loyal: Payer | None = subset(anybody, lambda payer: payer.points >= 50)
    short: Payer | None = subset(payer, lambda payer: len(payer.name) < 5)
    agency: Agency = Relationship()
    helper: Payer | None = merged(short, agency)
    tiny: Payer | None = subset(helper, lambda payer: len(payer.name) < 4)

    title: str | None = computed(Lookup(vip, lambda vip: vip.title))
    is_vip: bool = computed(Lookup(vip, lambda vip: True, missing=False))
    rate: int = computed(Lookup(vip, lambda vip, rates: vip.tier * rates.percent, missing=0, given=Rates))
    discount: int = computed(Formula(lambda bill: bill.cents * bill.rate // 100))
    paid_by: str | None = computed(Lookup(payer, lambda payer: payer.name))
    named: str = computed(Lookup(anybody, lambda payer: payer.name, missing="nobody"))
    loyal_points: int | None = computed(Lookup(loyal, lambda payer: payer.points))
    short_name: str | None = computed(Lookup(short, lambda payer: payer.name))
    helped_by: str | None = computed(Lookup(helper, lambda payer: payer.name))
    share: int = computed(Lookup(tiny, lambda payer, rates: rates.percent, missing=0, given=Rates))
    tiny_name: str = computed(Custom(lambda bill: bill.tiny.name if bill.tiny else "?", reads=("tiny.name",)))
    said: str = computed(
        Custom(
            lambda bill: f"{bill.cents} from {bill.payer.name if bill.payer else '?'}",
            reads=("cents", "payer.name"),
        )
    )
    care: Care = computed(
        StateMachine(
            Care.USUAL,
            Transition(Care.USUAL, Care.SPECIAL, when=became(is_vip, True)),
            Transition(Care.SPECIAL, Care.USUAL, when=became(is_vip, False)),
        )
    )


DECLARED = [Rates, Person, Firm, Agency, Vip, Bill]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([DECLARED], database=database_url)) as app:
        yield app


def shown(app: App, id: UUID) -> dict[str, Any]:
    assert app.verify() == []
    bill = app.get(Bill, id)
    return {name: getattr(bill, name) for name in ("title", "discount", "paid_by", "named", "loyal_points")}


def test_it_is_the_record_for_as_long_as_it_is_a_member(app: App) -> None:
    with app.transaction() as tx:
        ada = tx.add(Person(name="Ada"))
        bill = tx.add(Bill(cents=1000, person_id=ada.id))
    nothing = {"title": None, "discount": 0, "paid_by": None, "named": "Ada", "loyal_points": None}
    assert shown(app, bill.id) == nothing
    with app.transaction() as tx:
        tx.update(ada, points=150)
    assert shown(app, bill.id) == nothing | {"title": "dear Ada", "discount": 100, "loyal_points": 150}
    assert (app.get(Person, ada.id).saved, app.get(Bill, bill.id).care) == (100, Care.SPECIAL)
    with app.transaction() as tx:
        tx.update(ada, points=250, name="Ada L.")
    assert shown(app, bill.id) == {
        "title": "dear Ada L.",
        "discount": 200,
        "paid_by": "Ada L.",
        "named": "Ada L.",
        "loyal_points": 250,
    }
    assert app.get(Bill, bill.id).said == "1000 from Ada L."
    with app.transaction() as tx:
        tx.update(ada, points=0)
    assert shown(app, bill.id) == nothing | {"named": "Ada L."}
    assert (app.get(Person, ada.id).saved, app.get(Bill, bill.id).care) == (0, Care.USUAL)


def test_of_several_it_is_the_first_that_is_there_and_a_member(app: App) -> None:
    with app.transaction() as tx:
        ada, acme = tx.add(Person(name="Ada", points=250)), tx.add(Firm(name="Acme", points=60))
        bill = tx.add(Bill(person_id=ada.id, firm_id=acme.id))
    assert [shown(app, bill.id)[name] for name in ("paid_by", "named", "loyal_points")] == ["Ada", "Ada", 250]
    with app.transaction() as tx:
        tx.update(ada, points=40)
    assert [shown(app, bill.id)[name] for name in ("paid_by", "named", "loyal_points")] == [
        "Acme",
        "Ada",
        None,
    ]
    with app.transaction() as tx:
        tx.update(acme, points=3, name="Acme & Co")
        tx.update(bill, cents=7)
    assert [shown(app, bill.id)[name] for name in ("paid_by", "named", "loyal_points")] == [None, "Ada", None]
    assert app.get(Bill, bill.id).said == "7 from ?"
    with app.transaction() as tx:
        tx.delete(ada)
    assert shown(app, bill.id)["named"] == "Acme & Co"
    with app.transaction() as tx:
        tx.update(bill, firm_id=None)
    assert shown(app, bill.id)["named"] == "nobody"


def helped(app: App, id: UUID) -> tuple[str | None, str | None, int, str]:
    assert app.verify() == []
    bill = app.get(Bill, id)
    return bill.short_name, bill.helped_by, bill.share, bill.tiny_name


def test_a_subset_of_several_does_not_look_behind_the_first_that_is_there(app: App) -> None:
    with app.transaction() as tx:
        long, firm = tx.add(Person(name="Adalbert", points=250)), tx.add(Firm(name="Acme", points=60))
        bill = tx.add(Bill(person_id=long.id, firm_id=firm.id))
    assert helped(app, bill.id) == (None, None, 0, "?")
    with app.transaction() as tx:
        tx.update(long, points=150)  # no longer great: the firm is the first
    assert helped(app, bill.id) == ("Acme", "Acme", 0, "?")
    assert [one.id for one in app.explain(Bill, "short_name", bill.id).inputs] == [firm.id]
    with app.transaction() as tx:
        tx.update(long, points=200)  # great again, and too long still
    assert helped(app, bill.id) == (None, None, 0, "?")
    assert app.explain(Bill, "short_name", bill.id).inputs == ()
    with app.transaction() as tx:
        tx.update(bill, person_id=None)
    assert helped(app, bill.id) == ("Acme", "Acme", 0, "?")
    with app.transaction() as tx:
        tx.update(bill, person_id=long.id)
        tx.delete(long)
        tx.update(firm, name="Ac")
    assert helped(app, bill.id) == ("Ac", "Ac", 10, "Ac")


def test_what_is_merged_after_a_subset_of_several_comes_when_that_has_nobody(app: App) -> None:
    with app.transaction() as tx:
        long, firm = tx.add(Person(name="Adalbert", points=250)), tx.add(Firm(name="Acme", points=60))
        agency = tx.add(Agency(name="Jo"))
        bill = tx.add(Bill(person_id=long.id, firm_id=firm.id, agency_id=agency.id))
    assert helped(app, bill.id) == (None, "Jo", 10, "Jo")
    with app.transaction() as tx:
        tx.update(long, points=0)  # the firm is there, and is too long to be tiny
    assert helped(app, bill.id) == ("Acme", "Acme", 0, "?")
    with app.transaction() as tx:
        tx.update(tx.get(Rates), percent=7)
    assert helped(app, bill.id) == ("Acme", "Acme", 0, "?")
    with app.transaction() as tx:
        tx.update(firm, points=5)  # neither is there
    assert helped(app, bill.id) == (None, "Jo", 7, "Jo")
    with app.transaction() as tx:
        tx.update(long, name="Ada", points=200)
    assert helped(app, bill.id) == ("Ada", "Ada", 7, "Ada")


def test_a_key_that_is_pointed_elsewhere_takes_the_value_of_who_is_there(app: App) -> None:
    with app.transaction() as tx:
        ada, bob = tx.add(Person(name="Ada", points=200)), tx.add(Person(name="Bob", points=90))
        bill = tx.add(Bill(cents=100, person_id=ada.id))
    with app.transaction() as tx:
        tx.update(bill, person_id=bob.id)
    assert shown(app, bill.id)["title"] is None
    with app.transaction() as tx:
        tx.update(bob, points=100)
        tx.update(bill, person_id=ada.id)
        tx.update(bill, person_id=bob.id)
    assert shown(app, bill.id) == {
        "title": "dear Bob",
        "discount": 10,
        "paid_by": None,
        "named": "Bob",
        "loyal_points": 100,
    }
    assert (app.get(Person, ada.id).saved, app.get(Person, bob.id).saved) == (0, 10)


def test_a_parameter_counts_for_members_alone(app: App) -> None:
    with app.transaction() as tx:
        people = [tx.add(Person(name="x", points=points)) for points in (0, 100, 300)]
        bills = [tx.add(Bill(cents=100, person_id=one.id)).id for one in people]
    with app.transaction() as tx:
        tx.update(tx.get(Rates), percent=5)
    assert [shown(app, id)["discount"] for id in bills] == [0, 5, 15]


def test_who_explains_names_the_one_that_counts(app: App) -> None:
    with app.transaction() as tx:
        ada, acme = tx.add(Person(name="Ada", points=40)), tx.add(Firm(name="Acme", points=60))
        bill = tx.add(Bill(person_id=ada.id, firm_id=acme.id))
    found = app.explain(Bill, "paid_by", bill.id)
    assert found.because == "it is looked up through person_id or firm_id"
    assert [(one.what, one.id, one.values) for one in found.inputs] == [("Firm", acme.id, {"name": "Acme"})]
    assert [one.id for one in app.explain(Bill, "said", bill.id).inputs] == [bill.id, acme.id]
    assert app.explain(Bill, "title", bill.id).inputs == ()


def test_many_that_look_at_one_hear_of_its_leaving_at_once(app: App) -> None:
    with app.transaction() as tx:
        ada = tx.add(Person(name="Ada", points=100))
        tx.add_all([Bill(cents=10, person_id=ada.id) for _ in range(50)])
    assert app.get(Person, ada.id).saved == 50
    with app.transaction() as tx:
        tx.update(ada, points=99)
    assert app.get(Person, ada.id).saved == 0
    assert app.verify() == []
    assert app.rebuild() == []


def test_what_happens_at_once_loses_nothing(postgres_url: str) -> None:
    with opened(App([DECLARED], database=postgres_url)) as app:
        with app.transaction() as tx:
            people = [tx.add(Person(name=f"p{n}", points=100 * n)).id for n in range(4)]
            firms = [tx.add(Firm(name=f"f{n}", points=4 * n)).id for n in range(4)]
            bills = [
                tx.add(Bill(cents=100, person_id=people[n % 4], firm_id=firms[n // 3])).id for n in range(12)
            ]

        def act(tx: Transaction, seed: str) -> None:
            random = Random(seed)
            ends: dict[str, Any] = {"person_id": random.choice(people), "firm_id": random.choice(firms)}
            match random.randrange(4):
                case 0:
                    tx.update(Person, ends["person_id"], points=random.choice((0, 60, 150, 250)))
                case 1:
                    tx.update(Firm, ends["firm_id"], points=random.choice((0, 6, 60)), name=seed)
                case 2:
                    tx.update(Bill, random.choice(bills), **ends)
                case _:
                    tx.add(Bill(cents=7, **ends))

        def work(n: int) -> None:
            for number in range(10):
                app.engine.write(partial(act, seed=f"{n}:{number}"))

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(6)))
        assert app.verify() == []
