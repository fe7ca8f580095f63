"""Reconciliation: what the vendor says happened since we last asked, for webhooks that never came."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from framework.integration.addressees import UnknownAddressee, addressee
from framework.integration.desk import Desk
from framework.integration.ingest import Source, ingest
from framework.integration.outcomes import Outcome
from framework.observe import get_logger
from framework.runtime.engine import Engine
from framework.runtime.lane import of_tenant
from framework.runtime.transaction import Transaction
from framework.storage.codec import Codec, Parameters
from framework.storage.database import Connection, Database
from framework.storage.statement import Statement
from framework.storage.upsert import upserting
from framework.tenancy import nobody

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient

_log = get_logger(__name__)

EVERY = timedelta(minutes=5)

OVERLAP = timedelta(minutes=5)
"""Vendors list an event a little after it happened; what is heard twice changes nothing."""


class Cursors:
    """Up to when each vendor has been asked."""

    def __init__(self, database: Database) -> None:
        cursors = database.tables.cursors
        self._codec = Codec(tuple(cursors.columns), database.dialect)
        self._selection = Statement(
            select(cursors.c.at).where(cursors.c.name == bindparam("name_")), database.dialect
        )
        upsert = upserting(database.dialect)(cursors).values(name=bindparam("name"), at=bindparam("at"))
        self._upsert = Statement(
            upsert.on_conflict_do_update(index_elements=["name"], set_={"at": upsert.excluded.at}),
            database.dialect,
        )
        self._upserted = Parameters(self._upsert.names, self._codec.encoder)

    def get(self, connection: Connection, name: str) -> datetime | None:
        found = connection.row(self._selection.sql, [name])
        return None if found is None else self._codec.decode_one("at", found[0])

    def put(self, connection: Connection, name: str, at: datetime) -> None:
        connection.run(self._upsert.sql, self._upserted.of({"name": name, "at": at}))


async def listed(desk: Desk, since: datetime, http: "HTTPClient") -> Sequence[Outcome]:
    """What the vendor lists since then."""
    handler = desk.handlers.reconcile
    assert handler is not None, "only desks with a reconcile handler are reconciled"
    answer = handler(since, http)
    if isinstance(answer, AsyncIterator):
        return [outcome async for outcome in answer]
    return list(await answer)


def since(engine: Engine, cursors: Cursors, desk: Desk, now: datetime) -> datetime:
    """From when on to ask: a little before we last asked, or as far back as a call can be under way."""
    with nobody(), engine.database.reading() as connection:
        at = cursors.get(connection, desk.shape.name)
    return now - desk.policy.deadline if at is None else at - OVERLAP


def take(engine: Engine, cursors: Cursors, desk: Desk, outcomes: Sequence[Outcome], at: datetime) -> None:
    """Ingest what was listed; the vendor counts as asked up to `at` if all of it could be taken.

    Where records have tenants, what is nobody's call is passed over: it is listed again if it becomes one.
    """
    operations = []
    for outcome in outcomes:
        try:
            tenant = addressee(engine, desk, outcome)
        except UnknownAddressee as unknown:
            _log.info("a reconciled outcome is nobody's", reason=str(unknown))
        else:
            operations.append(of_tenant(tenant, partial(_ingest, desk, outcome)))
    results = engine.write_each(operations)
    refused = [result for result in results if isinstance(result, Exception)]
    for error in refused:
        _log.error("a reconciled outcome could not be recorded", call=desk.shape.name, exc_info=error)
    if not refused:
        with nobody():
            engine.write(lambda tx: cursors.put(tx.work.connection, desk.shape.name, at))


def _ingest(desk: Desk, outcome: Outcome, transaction: Transaction) -> None:
    ingest(transaction, desk, Source.RECONCILE, outcome)
