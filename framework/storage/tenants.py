"""The tenants of a database: their names, and whose calls vendors speak of. All of them share this."""

from typing import Any

from sqlalchemy import Dialect, bindparam, delete, insert, select

from framework.storage.codec import Codec, Parameters
from framework.storage.statement import Statement
from framework.storage.tables import Tables
from framework.storage.upsert import upserting


class Tenants:
    """Statements on what belongs to no tenant."""

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        table, addressees = tables.tenants, tables.addressees
        self._codec = Codec(tuple(table.columns), dialect)
        self._all = Statement(select(table.c.name).order_by(table.c.name), dialect)
        self._one = Statement(select(table.c.name).where(table.c.name == bindparam("name_")), dialect)
        own = (table.c.name, addressees.c.tenant)
        self._removals = [
            Statement(delete(one.table).where(one == bindparam("name_")), dialect).sql for one in own
        ]
        self._insertion = Statement(
            insert(table).values({name: bindparam(name) for name in self._codec.names}), dialect
        )
        named = upserting(dialect)(addressees).values(
            {column.name: bindparam(column.name) for column in addressees.columns}
        )
        self._naming = Statement(named.on_conflict_do_nothing(), dialect)
        whose = select(addressees.c.tenant).where(
            addressees.c.call_type == bindparam("call_type_"), addressees.c.name == bindparam("name_")
        )
        self._whose = Statement(whose.order_by(addressees.c.tenant), dialect)

    def all(self, connection: Any) -> list[str]:
        """The names of all tenants, in order."""
        return [name for (name,) in connection.rows(self._all.sql)]

    def has(self, connection: Any, name: str) -> bool:
        """Whether there is a tenant of this name."""
        return connection.row(self._one.sql, [name]) is not None

    def add(self, connection: Any, name: str, at: Any) -> None:
        """There is one more tenant."""
        parameters = Parameters(self._insertion.names, self._codec.encoder)
        connection.run(self._insertion.sql, parameters.of({"name": name, "at": at}))

    def remove(self, connection: Any, name: str) -> None:
        """There is one less, and no vendor speaks of its calls."""
        for sql in self._removals:
            connection.run(sql, [name])

    def make_known(self, connection: Any, call_type: str, name: str, tenant: str) -> None:
        """A vendor knows a call of this class and tenant by this name."""
        values = {"call_type": call_type, "name": name, "tenant": tenant}
        connection.run(self._naming.sql, [values[parameter] for parameter in self._naming.names])

    def whose(self, connection: Any, call_type: str, name: str) -> list[str]:
        """The tenants whose calls of this class a vendor knows by this name."""
        return [tenant for (tenant,) in connection.rows(self._whose.sql, [call_type, name])]
