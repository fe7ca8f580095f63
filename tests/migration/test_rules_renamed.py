"""A rule that is called otherwise, or is from more classes than before, keeps what it has made."""

from contextlib import closing
from typing import Any

import pytest
from sqlmodel import select

from framework import Entity, Event, Formula, Renamed, computed, derive
from framework.app import App, opened
from framework.migration.errors import MigrationRefused, MigrationStopped
from framework.storage.errors import MigrationUnfinished


def marks(rule: str, former: str | None = None, *, cat: str = "Cat", dogs: bool = True) -> list[Any]:
    """A rule that marks cats, which may be called otherwise, and perhaps dogs."""
    said: dict[str, Any] = {} if cat == "Cat" else {"__renamed__": Renamed("Cat")}
    body = {"__annotations__": {"name": str}, "__module__": __name__, "__qualname__": cat, **said}
    first = type(Entity)(cat, (Entity,), body, table=True)

    class Dog(Entity, table=True):
        name: str

    class Mark(Entity, table=True):
        name: str

    def mark(one: Any) -> Mark:
        return Mark(name=one.name)

    mark.__annotations__ = {"one": first | Dog if dogs else first, "return": Mark}
    mark.__qualname__ = rule
    return [first, Dog, Mark, derive(renamed_from=former and f"{__name__}.{former}")(mark)]


def populate(database_url: str, declared: list[Any]) -> list[Any]:
    """Two animals; the ids of their marks."""
    with opened(App([declared], database=database_url)) as app:
        with app.transaction() as tx:
            tx.add(declared[0](name="tom"))
            tx.add(declared[1](name="rex"))
        return ids(app, declared)


def ids(app: App, declared: list[Any]) -> list[Any]:
    return sorted(one.id for one in app.query(select(declared[2])))


def migrated(database_url: str, declared: list[Any]) -> tuple[str, list[Any]]:
    """What was said, and the ids of the marks after it; the database is the App's own now."""
    with closing(App([declared], database=database_url)) as app:
        said = str(app.migration())
        assert app.migrate() == []
        app.create()
        return said, ids(app, declared)


def test_a_new_name_alone_is_a_migration_that_changes_nothing(database_url: str) -> None:
    made = populate(database_url, marks("mark", dogs=False))
    said, kept = migrated(database_url, marks("sign", "mark", dogs=False))
    assert said == f"rule {__name__}.sign: was {__name__}.mark"
    assert kept == made


def test_a_rule_from_several_classes_is_called_otherwise_and_so_is_one_of_them(database_url: str) -> None:
    made = populate(database_url, marks("mark"))
    said, kept = migrated(database_url, marks("sign", "mark", cat="Lion"))
    assert f"rule {__name__}.sign[Lion]: was {__name__}.mark[Cat]" in said
    assert kept == made


def test_a_rule_that_is_from_another_class_too_makes_what_is_missing(database_url: str) -> None:
    made = populate(database_url, marks("mark", dogs=False))
    said, now = migrated(database_url, marks("mark"))
    assert f"rule {__name__}.mark[Cat]: was {__name__}.mark" in said
    assert (set(made) < set(now), len(now)) == (True, 2)


def landed(place: str, name: str = "guest", former: str | None = None) -> list[Any]:
    """A rule of some module that makes guests of arrivals, once."""

    class Arrived(Event, table=True):
        name: str

    class Guest(Entity, table=True):
        name: str

    def guest(arrived: Arrived) -> Guest:
        return Guest(id=arrived.id, name=arrived.name)

    guest.__module__, guest.__name__, guest.__qualname__ = place, name, name
    return [Arrived, Guest, derive(renamed_from=former)(guest)]


def arrive(database_url: str, declared: list[Any]) -> None:
    with opened(App([declared], database=database_url)) as app:
        app.dispatch(declared[0](name="ada"))


def test_a_rule_that_has_moved_to_another_module_has_made_what_it_made(database_url: str) -> None:
    arrive(database_url, landed("hotel"))
    declared = landed("hotel.rules")
    with closing(App([declared], database=database_url)) as app:
        assert str(app.migration()) == "rule hotel.rules.guest: was hotel.guest"
        assert app.migrate() == []
        app.dispatch(declared[0](name="bob"))
        assert sorted(one.name for one in app.query(select(declared[1]))) == ["ada", "bob"]
        assert app.verify() == []


def test_a_rule_of_another_name_that_would_make_all_twice_is_refused_until_it_says_what_it_was(
    database_url: str,
) -> None:
    arrive(database_url, landed("hotel"))
    with closing(App([landed("hotel", "visitor")], database=database_url)) as app:
        said = (
            "What hotel.guest has made stays, and would be there twice. If it is this rule, say "
            '`@derive(renamed_from="hotel.guest")`; if not, take hotel.guest away in a migration of its own '
            "before"
        )
        assert [one.remedy for one in app.migration().refusals] == [said]
        with pytest.raises(MigrationRefused):
            app.migrate()
    declared = landed("hotel", "visitor", former="guest")  # the name alone will do
    with closing(App([declared], database=database_url)) as app:
        assert str(app.migration()) == "rule hotel.visitor: was hotel.guest"
        assert app.migrate() == []
        assert len(app.query(select(declared[1]))) == 1


def named(of: Any) -> list[Any]:
    class Person(Entity, table=True):
        name: str
        last: str = computed(Formula(of))

    return [Person]


def test_a_computation_that_old_records_do_not_bear_says_where_it_stopped_and_is_corrected(
    database_url: str,
) -> None:
    before = named(lambda person: person.name)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        for name in ("Ada Lovelace", "Plato"):
            tx.add(before[0](name=name))
    with closing(App([named(lambda person: person.name.split()[1])], database=database_url)) as app:
        with pytest.raises(MigrationStopped, match=r"stopped at Person\.last: IndexError: list index out of"):
            app.migrate()
        with pytest.raises(MigrationUnfinished):
            app.create()
    after = named(lambda person: person.name.split()[-1])
    with closing(App([after], database=database_url)) as app:
        assert app.migrate() == []
        assert {one.last for one in app.query(select(after[0]))} == {"Lovelace", "Plato"}
