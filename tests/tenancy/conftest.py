"""Shops of several tenants on one database of each kind."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from framework.app import App, Settings
from tests.engine.shop import MODULE, cashier

TENANTS = ("acme", "bolt", "cork")
REQUIRED = Settings(tenancy="required")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/test.db"
    url: str = request.getfixturevalue("plain_url")
    return url


@pytest.fixture
def plain_url(postgres_url: str) -> str:
    """The URL of an empty schema of PostgreSQL for a role that is held to row-level security."""
    return as_plain(postgres_url)


def as_plain(postgres_url: str) -> str:
    """The URL of a schema for a role that is held to row-level security."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "DO $$ BEGIN CREATE ROLE plain LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        (schema,) = connection.execute("SELECT current_schema()").fetchone() or ("",)
        connection.execute(f'GRANT ALL ON SCHEMA "{schema}" TO plain')
    return make_url(postgres_url).set(username="plain").render_as_string(hide_password=False)


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    """A shop with three tenants."""
    app = App([MODULE], [cashier()], database_url, settings=REQUIRED)
    app.create()
    for name in TENANTS:
        app.create_tenant(name)
    yield app
    app.close()
