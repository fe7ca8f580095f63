"""Orphans: events about something that no call of ours is known by, and that have waited for one too long."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, literal_column, select

from framework.model.apicall import IS_ORPHAN, IntegrationEvent
from framework.plan.plan import Plan
from framework.storage.codec import Row
from framework.storage.database import Connection, Database
from framework.storage.statement import Statement
from framework.storage.statements import TableStatements


class Orphans:
    """What may be asked about orphans. An index has them alone, so that asking costs what there are."""

    def __init__(self, plan: Plan, database: Database) -> None:
        shape = plan.shapes.get(IntegrationEvent)
        self._statements = None if shape is None else database.statements[shape]  # an App may have no calls

    def of(self, connection: Connection, since: datetime) -> list[Row]:
        """The orphans that have waited since then or longer, oldest first."""
        if self._statements is None:
            return []
        events = self._statements.table.c
        wanted = select(*self._statements.columns).order_by(events.at)
        found = _waiting(connection, self._statements, wanted, since)
        return [self._statements.codec.decode(values) for values in found]

    def count(self, connection: Connection, since: datetime) -> dict[str, int]:
        """How many have waited since then or longer, by integration."""
        if self._statements is None:
            return {}
        events = self._statements.table.c
        wanted = select(events.integration, func.count()).group_by(events.integration)
        return dict(_waiting(connection, self._statements, wanted, since))


def _waiting(
    connection: Connection, statements: TableStatements, wanted: Select[Any], since: datetime
) -> list[Any]:
    """What is wanted of the orphans that have waited since then or longer; compiled when it is asked for."""
    at = statements.table.c.at
    waited: tuple[Any, ...] = (literal_column(IS_ORPHAN), at <= bindparam("since", type_=at.type))
    sql = Statement(wanted.where(*waited), statements.dialect).sql
    return connection.rows(sql, [statements.codec.encode_one("at", since)])
