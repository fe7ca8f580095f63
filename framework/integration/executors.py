"""Which executor a database has, and which listener."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, cast

from framework.integration.embedded import EmbeddedExecutor
from framework.integration.executor import Executor
from framework.integration.notice import Notice
from framework.integration.outboxes import Outboxes
from framework.runtime.engine import Engine

if TYPE_CHECKING:  # the driver is an extra
    from framework.storage.postgres import PostgresDatabase


def executor_of(engine: Engine, outboxes: Outboxes) -> Executor:
    """That of many processes on PostgreSQL; on SQLite, that of the one that has the file."""
    if not engine.database.concurrent:
        return EmbeddedExecutor(engine, outboxes)
    from framework.integration.shared import SharedExecutor

    database = cast("PostgresDatabase", engine.database)
    assert database.crier is not None, "nobody works on a database that a migration has alone"
    return SharedExecutor(engine, outboxes, database.presence(), database.crier)


def listening(engine: Engine, hear: Callable[[Notice], None]) -> AbstractAsyncContextManager[None]:
    """Hear what workers of other processes tell, while the block runs; of SQLite there are none."""
    if not engine.database.concurrent:
        return nullcontext()
    from framework.integration.listener import Listener

    database = cast("PostgresDatabase", engine.database)
    return Listener(engine, database.presence(works=False), hear).listening()
