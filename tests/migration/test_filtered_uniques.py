"""What is unique among some records: as it was, of others now, by other names, and by a fact that is new."""

from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest

from framework import Entity, Field, Renamed, Unique
from framework.app import App, opened
from framework.migration.errors import MigrationRefused
from framework.runtime.errors import AlreadyExists


class Kind(StrEnum):
    OLD = "old"
    ODD = 'o\'dd ("x")'


CONDITIONS = {
    "a": lambda one: one.cents > 0,
    "b": lambda one: ~one.gone,
    "c": lambda one: one.kind == Kind.ODD,
    "d": lambda one: one.kind.in_([Kind.OLD, Kind.ODD]),
    "e": lambda one: one.closed_at.is_(None),
    "f": lambda one: (one.cents > 0) & (one.cents < 100),
    "g": lambda one: one.price > Decimal("1.50"),
    "h": lambda one: one.gone.is_(False),
    "i": lambda one: (one.cents == 1) | (one.a != "x y"),
    "j": lambda one: one.share > 1.5,
    "k": lambda one: one.closed_at < datetime(2030, 1, 1, tzinfo=UTC),
    "l": lambda one: one.ref == UUID(int=5),
    "m": lambda one: one.a.not_in(["p", "q"]),
}


def test_every_condition_is_known_again(database_url: str) -> None:
    def declared() -> list[Any]:
        facts = {"cents": int, "gone": bool, "kind": Kind, "closed_at": datetime | None, "share": float}
        money = Annotated[Decimal, Field(decimal_places=2)]
        annotations = facts | {"price": money, "ref": UUID} | dict.fromkeys(CONDITIONS, str | None)
        namespace = {
            "__annotations__": annotations,
            "__module__": __name__,
            "__qualname__": "One",
            "__table_args__": tuple(Unique(name, where=where) for name, where in CONDITIONS.items()),
        }
        return [type(Entity)("One", (Entity,), namespace, table=True)]

    with opened(App([declared()], database=database_url)):
        pass
    with closing(App([declared()], database=database_url)) as app:
        assert str(app.migration()) == "There is nothing to migrate."


def member(least: int) -> list[Any]:
    class Member(Entity, table=True):
        __table_args__ = (Unique("email", where=lambda member: member.points > least),)
        email: str
        points: int = 0

    return [Member]


def test_another_condition_is_another_and_no_other_change(database_url: str) -> None:
    before = member(0)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        for points in (0, 3):
            tx.add(before[0](email="ada", points=points))
    with closing(App([member(-1)], database=database_url)) as app:
        (refused,) = app.migration().refusals
        assert refused.remedy == "It is not so in 2 rows: change them first"
    after = member(5)
    with closing(App([after], database=database_url)) as app:
        assert app.migrate() == []
        assert app.migration().is_empty
        with app.transaction() as tx:
            tx.add(after[0](email="ada", points=5))
            tx.add(after[0](email="ada", points=6))
        with pytest.raises(AlreadyExists), app.transaction() as tx:
            tx.add(after[0](email="ada", points=7))


def test_a_condition_by_another_name_is_the_same(database_url: str) -> None:
    class Person(Entity, table=True):
        __renamed__ = Renamed("Member", mail="email", score="points")
        __table_args__ = (Unique("mail", where=lambda person: person.score > 0),)
        mail: str
        score: int = 0

    before = member(0)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        for points in (0, 0, 3):
            tx.add(before[0](email="ada", points=points))
    with closing(App([[Person]], database=database_url)) as app:
        assert str(app.migration()).splitlines() == [
            "Person: was Member",
            "Person.mail: was Person.email",
            "Person.score: was Person.points",
        ]
        assert app.migrate() == []
        assert app.migration().is_empty
        with pytest.raises(AlreadyExists), app.transaction() as tx:
            tx.add(Person(mail="ada", score=1))


@pytest.mark.parametrize("gone", [False, True])
def test_a_condition_may_speak_of_a_fact_that_is_new(database_url: str, gone: bool) -> None:
    class Member(Entity, table=True):
        __table_args__ = (Unique("email", code="email_taken", where=lambda member: ~member.gone),)
        email: str
        points: int = 0
        gone: bool

    before = member(0)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        for _ in range(2):
            tx.add(before[0](email="ada"))
    with closing(App([[Member]], database=database_url)) as app:
        plan = app.migration(fill={"Member.gone": gone})
        if not gone:
            assert [one.remedy for one in plan.refusals] == ["It is not so in 2 rows: change them first"]
            with pytest.raises(MigrationRefused):
                app.migrate(plan)
            return
        assert app.migrate(plan) == []
        with app.transaction() as tx:
            tx.add(Member(email="ada", gone=False))
        with pytest.raises(AlreadyExists) as taken, app.transaction() as tx:
            tx.add(Member(email="ada", gone=False))
        assert taken.value.code == "email_taken"
