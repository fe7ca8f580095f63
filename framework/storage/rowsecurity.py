"""Row-level security: the second wall, which PostgreSQL itself holds against statements that forget a tenant.

The owner of a table is held to it too (FORCE); a superuser, or a role that bypasses it, never is.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table, text

from framework.observe import get_logger
from framework.storage.scoping import CURRENT, SHARED, TENANT

_log = get_logger(__name__)

POLICY = "millrace_tenant"


def protect(connection: Connection, tables: Iterable[Table]) -> None:
    """Let the rows of these tables be seen and written by their tenant alone."""
    own = f"{TENANT} = {CURRENT['postgresql']}"
    quote = connection.dialect.identifier_preparer.quote
    for table in tables:
        if SHARED in table.info:
            continue
        name = quote(table.name)
        connection.execute(text(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"))
        connection.execute(text(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"))
        connection.execute(text(f"DROP POLICY IF EXISTS {POLICY} ON {name}"))
        connection.execute(text(f"CREATE POLICY {POLICY} ON {name} USING ({own}) WITH CHECK ({own})"))


@contextmanager
def lowered(connection: Connection, *tables: Table) -> Iterator[None]:
    """Let the owner of these tables see whose rows they are in a transaction that has the tables to itself.

    PostgreSQL holds whoever adds a reference to a policy too, and would check no row of any tenant.
    """
    quote = connection.dialect.identifier_preparer.quote
    names = {quote(table.name) for table in tables if TENANT in table.columns}
    for name in names:
        connection.execute(text(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"))
    yield
    for name in names:
        connection.execute(text(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"))


def unprotected(connection: Any) -> set[str]:
    """The tables of the schema that anybody may read who forgets the tenant."""
    return {name for (name,) in connection.rows(_UNPROTECTED)}


def breached(connection: Connection, tables: Iterable[Table]) -> list[str]:
    """Those of these tables that are there without what PostgreSQL has to keep tenants apart."""
    if connection.dialect.name != "postgresql":
        return []
    found = set(connection.execute(text(_UNPROTECTED)).scalars())
    return sorted(table.name for table in tables if table.name in found and SHARED not in table.info)


def warn_of_bypass(connection: Any, url: str) -> None:
    """Say so if the App's own role stands above row-level security."""
    role, bypasses = connection.row(_ROLE)
    if bypasses:
        _log.warning(
            "this role bypasses row-level security, so nothing but the App keeps tenants apart: connect as a"
            " role that is no superuser and has no BYPASSRLS",
            role=role,
            database=url,
        )


_UNPROTECTED = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
  AND NOT (relrowsecurity AND relforcerowsecurity AND EXISTS (
    SELECT FROM pg_policy WHERE polrelid = pg_class.oid))
"""

_ROLE = "SELECT rolname::text, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
