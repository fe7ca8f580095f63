"""PostgreSQL itself keeps tenants apart where a statement of ours forgets to; the first wall is bypassed."""

from collections.abc import Iterator

import psycopg
import pytest

from framework import tenant
from framework.app import App
from framework.errors import StorageError
from framework.storage.rowsecurity import unprotected
from framework.tenancy import nobody
from tests.engine.shop import MODULE, Order, cashier
from tests.tenancy.conftest import REQUIRED

SHARED = {
    "millrace_tenant",
    "millrace_addressee",
    "millrace_cursor",
    "millrace_declaration",
    "millrace_migration",
}


@pytest.fixture
def app(plain_url: str) -> Iterator[App]:
    app = App([MODULE], [cashier()], plain_url, settings=REQUIRED)
    app.create()
    for name in ("acme", "bolt"):
        app.create_tenant(name)
        with tenant(name), app.transaction() as tx:
            tx.add(Order(note=name))
    yield app
    app.close()


def said(app: App, sql: str) -> list[tuple[object, ...]]:
    """What the App's own connection answers to SQL that says nothing of tenants."""
    return app.engine.write(lambda tx: tx.work.connection.rows(sql))


def test_a_statement_that_forgets_the_tenant_sees_no_other(app: App) -> None:
    for name in ("acme", "bolt"):
        with tenant(name):
            assert said(app, 'SELECT note, _tenant FROM "order"') == [(name, name)]
            with app.engine.database.reading() as connection:
                assert connection.rows('SELECT note FROM "order"') == [(name,)]
            with app.engine.database.session() as session:
                assert session.connection().exec_driver_sql('SELECT note FROM "order"').all() == [(name,)]
    with nobody():
        assert said(app, 'SELECT note FROM "order"') == []


def test_a_statement_that_names_another_tenant_reaches_nothing(app: App) -> None:
    with tenant("acme"):
        assert said(app, "SELECT * FROM \"order\" WHERE _tenant = 'bolt'") == []
        assert said(app, "UPDATE \"order\" SET note = 'mine' WHERE _tenant = 'bolt' RETURNING id") == []
        assert said(app, "DELETE FROM \"order\" WHERE _tenant = 'bolt' RETURNING id") == []
        with pytest.raises(StorageError, match="row-level security"):
            said(app, "UPDATE \"order\" SET _tenant = 'bolt' RETURNING id")
        with pytest.raises(StorageError, match="row-level security"):
            said(
                app,
                "INSERT INTO parcel (id, weight, _tenant) VALUES (gen_random_uuid(), 1, 'bolt') RETURNING id",
            )
    with tenant("bolt"):
        assert said(app, 'SELECT note FROM "order"') == [("bolt",)]


def test_every_table_is_behind_the_wall(app: App) -> None:
    with nobody(), app.engine.database.reading() as connection:
        assert unprotected(connection) == SHARED


def test_the_owner_of_the_tables_is_held_to_it_too(app: App, plain_url: str) -> None:
    with psycopg.connect(plain_url) as connection:
        assert connection.execute('SELECT count(*) FROM "order"').fetchone() == (0,)
        connection.execute("SET millrace.tenant = 'acme'")
        assert connection.execute('SELECT note FROM "order"').fetchall() == [("acme",)]


def test_nothing_of_a_tenant_stays_with_a_connection(app: App) -> None:
    with tenant("acme"):
        assert app.verify() == []
    raw = app.engine.database._pool.take()  # type: ignore[attr-defined]
    assert raw.execute("SELECT nullif(current_setting('millrace.tenant', true), '')").fetchone() == (None,)
    app.engine.database._pool.give(raw)  # type: ignore[attr-defined]


def test_who_stands_above_the_wall_is_told(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    app = App([MODULE], [cashier()], postgres_url, settings=REQUIRED)
    app.create()
    app.close()
    assert "bypasses row-level security" in caplog.text
    assert "role=postgres" in caplog.text


def test_who_does_not_is_not(app: App, caplog: pytest.LogCaptureFixture) -> None:
    assert "bypasses" not in caplog.text


def test_a_wall_that_was_taken_down_is_missed(app: App, plain_url: str) -> None:
    app.engine.database.check()
    with psycopg.connect(plain_url) as connection:
        connection.execute('ALTER TABLE "order" NO FORCE ROW LEVEL SECURITY')
    with pytest.raises(StorageError, match="order is not held to its tenants by row-level security"):
        app.engine.database.check()
    plan = app.migration()
    assert str(plan) == "Order: is held to its tenants again"
    assert app.migrate(plan) == []
    app.engine.database.check()
    assert app.migration().is_empty
