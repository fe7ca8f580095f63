"""Operations of several tenants that share a commit: each reaches the rows of its own."""

from collections.abc import Callable
from typing import Any

from sqlmodel import select

from framework import tenant
from framework.app import App
from framework.model.identity import new_id
from framework.runtime.errors import AlreadyExists
from framework.runtime.lane import of_tenant
from framework.runtime.transaction import Transaction
from framework.tenancy import NoTenant, UnknownTenant
from tests.engine.shop import Customer
from tests.tenancy.conftest import TENANTS


def adding(name: str) -> Callable[[Transaction], Any]:
    return lambda tx: tx.add(Customer(name=name)).name


def failing(tx: Transaction) -> None:
    raise ZeroDivisionError


def failing_late(tx: Transaction) -> None:
    tx.add(Customer(name="ghost"))
    tx.work.flush()
    raise ZeroDivisionError


def names(app: App) -> dict[str, list[str | None]]:
    found = {}
    for name in TENANTS:
        with tenant(name):
            found[name] = sorted(one.name for one in app.query(select(Customer)))
            assert app.verify() == []
    return found


def test_each_operation_of_a_group_is_held_to_its_own_tenant(app: App) -> None:
    operations = [
        of_tenant("acme", failing),  # before the database has heard of anything
        of_tenant("bolt", adding("first")),
        of_tenant("acme", adding("second")),
        of_tenant("bolt", failing_late),
        of_tenant("acme", adding("third")),  # as before the one that failed
        of_tenant("cork", failing),
        of_tenant("bolt", adding("fourth")),
        of_tenant("nowhere", adding("ghost")),
        adding("ghost"),
        of_tenant("cork", lambda tx: len(tx.work.connection.rows("SELECT id FROM customer"))),
        of_tenant("acme", lambda tx: len(tx.work.connection.rows("SELECT id FROM customer"))),
    ]
    results = app.engine.write_each(operations)
    said = [type(one) if isinstance(one, Exception) else one for one in results]
    failed = ZeroDivisionError
    assert said[:7] == [failed, "first", "second", failed, "third", failed, "fourth"]
    assert said[7:9] == [UnknownTenant, NoTenant]
    if app.engine.database.concurrent:  # where the server itself keeps tenants apart
        assert said[9:] == [0, 2]
    assert names(app) == {"acme": ["second", "third"], "bolt": ["first", "fourth"], "cork": []}


def test_one_that_fails_takes_its_tenant_with_it(app: App) -> None:
    operations = [
        of_tenant("acme", failing_late),
        of_tenant("bolt", failing_late),
        of_tenant("bolt", adding("ada")),
    ]
    *failed, added = app.engine.write_each(operations)
    assert ([type(one) for one in failed], added) == ([ZeroDivisionError] * 2, "ada")
    assert names(app) == {"acme": [], "bolt": ["ada"], "cork": []}


def test_an_error_knows_what_those_before_it_have_done(app: App) -> None:
    """Nobody is told the values of a row, so the database is asked what was wrong."""
    twin = new_id()

    def adding_two(tx: Transaction) -> None:
        tx.add(Customer(name="ghost"))
        tx.add(Customer(id=twin, name="ghost"))

    first = of_tenant("acme", lambda tx: tx.add(Customer(id=twin, name="ada")).name)
    second, last = of_tenant("acme", adding_two), of_tenant("bolt", adding("bob"))
    for results in (app.engine.write_each([first, second, last]), app.engine.write_each([last, second])):
        assert isinstance(results[1], AlreadyExists)
    assert names(app) == {"acme": ["ada"], "bolt": ["bob", "bob"], "cork": []}


def test_who_is_entered_is_meant_by_those_that_name_nobody(app: App) -> None:
    with tenant("cork"):
        results = app.engine.write_each([of_tenant("acme", adding("one")), adding("two"), adding("three")])
    assert results == ["one", "two", "three"]
    assert names(app) == {"acme": ["one"], "bolt": [], "cork": ["three", "two"]}
