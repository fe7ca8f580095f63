"""Orphans: events about something that no call of ours is known by, and that have waited for one too long."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, literal_column, select

from framework.model.apicall import IntegrationEvent
from framework.plan.plan import Plan
from framework.storage.codec import Row
from framework.storage.database import Connection, Database
from framework.storage.statements import Statement

PATIENCE = timedelta(hours=1)
"""An event that comes before its call waits seconds. After an hour somebody should look."""


class Orphans:
    """What may be asked about orphans. An index has them alone, so that asking costs what there are."""

    def __init__(self, plan: Plan, database: Database) -> None:
        self._shape = plan.shapes.get(IntegrationEvent)
        if self._shape is None:
            return
        self._statements = database.statements[self._shape]
        events, dialect = self._statements.table.c, database.dialect
        waited: Sequence[Any] = (
            literal_column("standing = 'orphan'"),
            events.at <= bindparam("since", type_=events.at.type),
        )
        self._all = Statement(select(*self._statements.columns).where(*waited).order_by(events.at), dialect)
        counted = select(events.integration, func.count()).where(*waited).group_by(events.integration)
        self._count = Statement(counted, dialect)

    def of(self, connection: Connection, since: datetime) -> list[Row]:
        """The orphans that have waited since then or longer, oldest first."""
        if self._shape is None:
            return []
        found = connection.rows(self._all.sql, [self._statements.codec.encode_one("at", since)])
        return [self._statements.codec.decode(values) for values in found]

    def count(self, connection: Connection, since: datetime) -> dict[str, int]:
        """How many have waited since then or longer, by integration."""
        if self._shape is None:
            return {}
        return dict(connection.rows(self._count.sql, [self._statements.codec.encode_one("at", since)]))
