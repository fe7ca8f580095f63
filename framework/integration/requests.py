"""Requests of users about one call: cancel it, or ask what an `api` verb answers."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import anyio.to_thread

from framework.errors import DispatchError
from framework.integration.calls import CallView, idempotency_key
from framework.integration.desk import Desk
from framework.integration.handlers import PollHandler
from framework.integration.ingest import TERMINAL, Source, ingest
from framework.integration.inputs import InvalidInput
from framework.integration.outcomes import Completed, Failed, Outcome, Processing, own_external_id
from framework.integration.visit import Visit
from framework.model.apicall import CallStatus
from framework.model.payload import Payload
from framework.plan.view import view_of
from framework.runtime.engine import Engine
from framework.runtime.errors import NoSuchRecord
from framework.runtime.transaction import Transaction
from framework.tenancy import current_tenant

QUERY = "query"
"""The name under which every call with a poll can be asked about."""


class NoSuchQuestion(DispatchError):
    """{integration} has no api {name!r} for {call}. It has: {known}."""


class NotSentYet(DispatchError):
    """The {call} {id} has no external id, so {integration} cannot be asked about it. Wait until
    it is sent."""


class NeverSent(DispatchError):
    """The {call} {id} failed before {integration} gave it an id, so it cannot be asked about."""


class CannotBeCanceled(DispatchError):
    """The {call} {id} cannot be canceled: {why}."""


async def ask(
    engine: Engine,
    desk: Desk,
    name: str,
    call_id: UUID,
    visit: Visit,
    told: Payload | Mapping[str, Any] | None = None,
) -> Payload | Outcome | None:
    """Let an `api` verb answer about a call. An outcome is ingested too.

    Where there is a poll, `query` asks the vendor how the call stands, unless an `api` has that name.
    """
    api = next((api for api in desk.handlers.apis if api.name == name), None)
    if api is None and name == QUERY and desk.handlers.poll is not None:
        return await _query(engine, desk, desk.handlers.poll, call_id, visit)
    if api is None:
        known = ", ".join(api.name for api in desk.handlers.apis) or "none"
        raise NoSuchQuestion(integration=desk.integration.name, name=name, call=desk.shape.name, known=known)
    if api.input is None and told is not None:
        raise InvalidInput(name=name, problems="it takes none")
    more = () if api.input is None else (api.input.read(name, told),)
    row = await anyio.to_thread.run_sync(_row, engine, desk, call_id)
    async with visit() as http:
        answer = await api.answer(_seen(engine, desk, row), http, *more)
    if isinstance(answer, Completed | Failed | Processing):
        await anyio.to_thread.run_sync(_ingest, engine, desk, Source.OPERATOR, answer, call_id)
    return answer


async def _query(
    engine: Engine, desk: Desk, look_up: PollHandler, call_id: UUID, visit: Visit
) -> Outcome | None:
    """Ask the vendor now, whenever the next poll is due. Raises NotSentYet and NeverSent."""
    row = await anyio.to_thread.run_sync(_row, engine, desk, call_id)
    if row["external_id"] is None:
        raise NotSentYet(call=desk.shape.name, id=call_id, integration=desk.integration.name)
    if row["status"] is CallStatus.FAILED and row["external_id"] == own_external_id(call_id):
        raise NeverSent(call=desk.shape.name, id=call_id, integration=desk.integration.name)
    async with visit() as http:
        outcome = await look_up(_seen(engine, desk, row), http)
    if outcome is not None:
        await anyio.to_thread.run_sync(_ingest, engine, desk, Source.POLL, outcome, call_id)
    return outcome


async def cancel(engine: Engine, desk: Desk, call_id: UUID, visit: Visit) -> None:
    """Cancel a call: at the vendor if it has it, or before it was ever sent. Raises CannotBeCanceled."""
    if await anyio.to_thread.run_sync(_withdraw, engine, desk, call_id):
        return
    row = await anyio.to_thread.run_sync(_row, engine, desk, call_id)
    facts: dict[str, Any] = {"call": desk.shape.name, "id": call_id}
    if row["status"] in TERMINAL:
        raise CannotBeCanceled(why=f"it is {row['status'].value} already", **facts)
    if row["status"] is CallStatus.PENDING:
        raise CannotBeCanceled(why="it is being sent; try again in a moment", **facts)
    if desk.handlers.cancel is None:
        raise CannotBeCanceled(why=f"{desk.integration.name} has no `cancel` for it", **facts)
    async with visit() as http:
        outcome = await desk.handlers.cancel(_seen(engine, desk, row), http)
    if outcome is not None:
        await anyio.to_thread.run_sync(_ingest, engine, desk, Source.OPERATOR, outcome, call_id)


def _withdraw(engine: Engine, desk: Desk, call_id: UUID) -> bool:
    """Fail a call that nobody has tried to send; whether that is so."""

    def operation(transaction: Transaction) -> bool:
        change = transaction.work.find(desk.shape, call_id)
        if change is None or change.after_row is None:
            raise NoSuchRecord(model=desk.shape.name, id=call_id)
        if change.after_row["_attempt"] or change.after_row["status"] is not CallStatus.PENDING:
            return False
        said = Failed("canceled before it was sent", code="canceled")
        ingest(transaction, desk, Source.OPERATOR, said, call_id=call_id)
        return True

    return engine.write(operation)


def _row(engine: Engine, desk: Desk, call_id: UUID) -> dict[str, Any]:
    statements = engine.database.statements[desk.shape]
    sql, parameters = statements.selection(("id",))
    with engine.database.reading() as connection:
        found = connection.row(sql, parameters.of({"id": call_id}))
    if found is None:
        raise NoSuchRecord(model=desk.shape.name, id=call_id)
    return statements.codec.decode(found)


def _seen(engine: Engine, desk: Desk, row: dict[str, Any]) -> CallView:
    tenant = current_tenant() if engine.plan.tenanted else None
    key = idempotency_key(desk.integration.name, row["id"], row["_generation"], tenant)
    return CallView(view_of(desk.shape.view, row), idempotency_key=key, attempt=row["_burned"] + 1)


def _ingest(engine: Engine, desk: Desk, source: Source, said: Outcome, call_id: UUID) -> None:
    operation: Callable[[Transaction], object] = lambda tx: ingest(  # noqa: E731
        tx, desk, source, said, call_id=call_id
    )
    engine.write(operation)
