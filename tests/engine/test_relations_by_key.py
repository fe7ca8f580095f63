"""Relations where several keys lead from one class to another: each says by which one it goes."""

import warnings
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Optional
from uuid import UUID

import pytest
from sqlalchemy.orm import selectinload
from sqlmodel import select

from framework import (
    Collect,
    Count,
    Entity,
    Field,
    Formula,
    Lookup,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    Unique,
    computed,
    entered,
)
from framework.app import App, opened


class Mood(StrEnum):
    ALONE = "alone"
    TOGETHER = "together"


class Transfer(Entity, table=True):
    cents: int
    from_id: UUID = Field(foreign_key="account.id")
    to_id: UUID | None = Field(default=None, foreign_key="account.id")
    source: "Account" = Relationship(by=from_id, back_populates="sent")
    target: Optional["Account"] = Relationship(by="to_id", back_populates="received")

    goes: str = computed(Formula(lambda transfer: f"{transfer.payer}>{transfer.payee}"))
    payer: str = computed(Lookup(source, lambda account: account.name, missing="?"))
    payee: str = computed(Lookup(target, lambda account: account.name, missing="?"))


class Account(Entity, table=True):
    """Accounts have a parent, and a head that is none of their parents."""

    name: str
    parent_id: UUID | None = Field(default=None, foreign_key="account.id")
    head_id: UUID | None = Field(default=None, foreign_key="account.id")
    sent: list[Transfer] = Relationship(by=Transfer.from_id, back_populates="source")
    received: list[Transfer] = Relationship(by="to_id", back_populates="target")
    parent: "Account" = Relationship(by="parent_id")
    children: list["Account"] = Relationship(by="parent_id")
    head: "Account" = Relationship(by=head_id)
    headed: list["Account"] = Relationship(by=head_id)

    spent: int = computed(Sum(sent, lambda transfer: transfer.cents))
    got: int = computed(Sum(received, lambda transfer: transfer.cents))
    balance: int = computed(Formula(lambda account: account.got - account.spent))
    below: int = computed(Count(children))
    heads: int = computed(Count(headed))
    under: str | None = computed(Lookup(parent, lambda account: account.name))
    headed_by: str | None = computed(Lookup(head, lambda account: account.name))


class Membership(Entity, table=True):
    """Who is in a team, and who brought them there: the pair that is unique is the link."""

    __table_args__ = (Unique("team_id", "person_id"),)

    team_id: UUID = Field(foreign_key="team.id", ondelete="CASCADE")
    invited_by_id: UUID | None = Field(default=None, foreign_key="person.id", ondelete="SET NULL")
    person_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")
    person: "Person" = Relationship(by=person_id)


class Knows(Entity, table=True):
    """Who knows whom, and by whom they were made known."""

    __table_args__ = (Unique("who_id", "whom_id"),)

    through_id: UUID | None = Field(default=None, foreign_key="person.id", ondelete="SET NULL")
    who_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")
    whom_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")


class Team(Entity, table=True):
    people: list["Person"] = Relationship(link_model=Membership)

    names: list[str] = computed(Collect(people, lambda person: person.name, limit=5))
    mood: Mood = computed(
        StateMachine(Mood.ALONE, Transition(Mood.ALONE, Mood.TOGETHER, when=entered(people)))
    )


class Person(Entity, table=True):
    name: str
    teams: list[Team] = Relationship(link_model=Membership, by=Membership.person_id)
    invited: list[Membership] = Relationship(by=Membership.invited_by_id)
    known: list["Person"] = Relationship(link_model=Knows, by=Knows.who_id)
    knowing: list["Person"] = Relationship(link_model=Knows, by=Knows.whom_id)

    in_teams: int = computed(Count(teams))
    has_invited: int = computed(Count(invited))
    knows: int = computed(Count(known))
    known_by: list[str] = computed(Collect(knowing, lambda person: person.name, limit=5))


MODULE = [Transfer, Account, Membership, Knows, Team, Person]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app = App([MODULE], database=database_url)
    with opened(app):
        yield app
        assert app.verify() == []


def test_each_relation_goes_by_its_own_key(app: App) -> None:
    with app.transaction() as tx:
        a = tx.add(Account(name="a"))
        b = tx.add(Account(name="b", parent_id=a.id))
        c = tx.add(Account(name="c", parent_id=b.id, head_id=a.id))
        first = tx.add(Transfer(cents=5, from_id=a.id, to_id=b.id))
        tx.add(Transfer(cents=2, from_id=b.id))

    def seen(one: Account) -> tuple[int, int, int, str | None, str | None]:
        now = app.get(Account, one.id)
        return now.balance, now.below, now.heads, now.under, now.headed_by

    assert [seen(one) for one in (a, b, c)] == [
        (-5, 1, 1, None, None),
        (3, 1, 0, "a", None),
        (0, 0, 0, "b", "a"),
    ]
    assert sorted(one.goes for one in app.query(select(Transfer))) == ["a>b", "b>?"]
    with app.transaction() as tx:
        tx.update(first, to_id=c.id)
        tx.update(c, parent_id=a.id, head_id=b.id)
        tx.update(a, name="A")
    assert [seen(one) for one in (a, b, c)] == [
        (-5, 2, 0, None, None),
        (-2, 0, 1, "A", None),
        (5, 0, 0, "A", "b"),
    ]


def test_queries_load_along_what_the_key_leads_to(app: App) -> None:
    with app.transaction() as tx:
        a = tx.add(Account(name="a"))
        b = tx.add(Account(name="b", parent_id=a.id))
        tx.add(Transfer(cents=5, from_id=a.id, to_id=b.id))
    along: list[Any] = [Account.sent, Account.received, Account.parent, Account.children, Account.headed]
    found = {one.name: one for one in app.query(select(Account).options(*map(selectinload, along)))}
    assert [one.cents for one in found["a"].sent] == [5]
    assert [found["a"].received, found["a"].headed] == [[], []]
    assert [one.name for one in found["a"].children] == ["b"]
    assert found["b"].parent.name == "a"


def test_the_pair_that_is_unique_is_the_link_whatever_other_keys_there_are(app: App) -> None:
    with app.transaction() as tx:
        ada, bob = tx.add(Person(name="ada")), tx.add(Person(name="bob"))
        team = tx.add(Team())
        link = tx.add(Membership(team_id=team.id, person_id=bob.id, invited_by_id=ada.id))
        tx.add(Knows(who_id=ada.id, whom_id=bob.id, through_id=ada.id))
    assert (app.get(Team, team.id).names, app.get(Team, team.id).mood) == (["bob"], Mood.TOGETHER)
    assert [
        (one.in_teams, one.has_invited) for one in (app.get(Person, ada.id), app.get(Person, bob.id))
    ] == [
        (0, 1),
        (1, 0),
    ]
    assert (app.get(Person, ada.id).knows, app.get(Person, bob.id).known_by) == (1, ["ada"])
    found = app.query(select(Team).options(selectinload(Team.people)))  # type: ignore[arg-type]  # an attribute
    assert [one.name for one in found[0].people] == ["bob"]
    with app.transaction() as tx:
        tx.update(link, person_id=ada.id, invited_by_id=bob.id)
        tx.update(ada, name="eve")
    assert app.get(Team, team.id).names == ["eve"]
    assert app.get(Person, bob.id).known_by == ["eve"]
    with app.transaction() as tx:
        tx.delete(bob)
    assert app.get(Team, team.id).names == ["eve"]
    assert app.get(Person, ada.id).knows == 0
