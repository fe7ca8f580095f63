"""Opening the database that a URL names."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from framework.plan.plan import Plan
from framework.storage.database import Database, Synchronous
from framework.storage.errors import DriverMissing, UnsupportedDatabase


def open_database(
    url: str,
    plan: Plan,
    *,
    synchronous: Synchronous = "FULL",
    patience: float = 5.0,
    alone: bool = False,
) -> Database:
    """Open the database at a SQLAlchemy URL; raises a StorageError that names the remedy.

    `synchronous` is the durability of a commit: FULL survives the loss of power; `patience` is how many
    seconds to wait for somebody else who holds the database, or a row of it; `alone` keeps all others out.
    """
    parsed = url_of(url)
    if parsed.get_backend_name() == "sqlite":
        from framework.storage.sqlite import SqliteDatabase

        return SqliteDatabase(parsed, plan, synchronous=synchronous, patience=patience)
    try:
        from framework.storage.postgres import PostgresDatabase
    except ImportError as error:
        raise DriverMissing(reason=str(error)) from error
    return PostgresDatabase(parsed, plan, synchronous=synchronous, patience=patience, alone=alone)


def url_of(url: str) -> URL:
    """The URL of a database of a kind that there is; raises UnsupportedDatabase."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UnsupportedDatabase(url=url) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UnsupportedDatabase(url=parsed.render_as_string(hide_password=True))
    return parsed
