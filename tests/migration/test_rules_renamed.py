"""A rule that is called otherwise, or is from more classes than before, keeps what it has made."""

from contextlib import closing
from typing import Any

from sqlmodel import select

from framework import Entity, Renamed, derive
from framework.app import App, opened


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
