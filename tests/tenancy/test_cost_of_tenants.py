"""Tenants cost no statement more, and no look-up reads more of a tenant's records than it must."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework import tenant
from framework.app import App, Settings
from framework.tenancy import within
from tests.engine.shop import MODULE, Customer, Item, Order, cashier
from tests.storage.test_statements import a_long_day, plans, scans
from tests.tenancy.conftest import REQUIRED


def shop(path: Path, settings: Settings) -> App:
    app = App([MODULE], [cashier()], f"sqlite:///{path}", settings=settings)
    app.create()
    return app


@pytest.fixture
def tenanted(tmp_path: Path) -> Iterator[App]:
    app = shop(tmp_path / "tenanted.db", REQUIRED)
    app.create_tenant("acme")
    yield app
    app.close()


def said(app: App, name: str | None) -> list[str]:
    """What the engine says to create an item under an order of a customer."""
    with within(name):
        with app.transaction() as tx:
            customer = tx.add(Customer(name="ada"))
            order = tx.add(Order(customer_id=customer.id))
        statements: list[str] = []
        app.engine.database.writer.raw.set_trace_callback(statements.append)  # type: ignore[attr-defined]
        with app.transaction() as tx:
            tx.add(Item(order_id=order.id, price=3))
        app.engine.database.writer.raw.set_trace_callback(None)  # type: ignore[attr-defined]
    return [one for one in statements if not one.startswith(("BEGIN", "COMMIT"))]


def test_a_transaction_takes_as_many_statements_as_without_tenants(tenanted: App, tmp_path: Path) -> None:
    alone = shop(tmp_path / "alone.db", Settings())
    assert len(said(tenanted, "acme")) == len(said(alone, None))
    alone.close()


def test_without_tenants_no_statement_speaks_of_them(tmp_path: Path) -> None:
    alone = shop(tmp_path / "alone.db", Settings())
    assert [one for one in said(alone, None) if "tenant" in one] == []
    alone.close()


def test_every_statement_speaks_of_the_tenant_and_none_scans_its_records(tenanted: App) -> None:
    statements: set[str] = set()
    raw = tenanted.engine.database.writer.raw  # type: ignore[attr-defined]
    raw.set_trace_callback(statements.add)
    with tenant("acme"):
        a_long_day(tenanted)
    raw.set_trace_callback(None)
    found = plans(raw, statements)
    assert len(found) > 100
    assert scans(found) == []
    whole = [
        (step, sql) for sql, steps in found.items() for step in steps if re.search(r"\(_tenant=\?\)", step)
    ]
    assert whole == []
    silent = [sql for sql in found if "millrace_tenant()" not in sql and not sql.startswith("INSERT")]
    assert silent == []
