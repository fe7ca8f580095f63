"""The bench: an App with one integration, its vendor's sandbox behind a wire, a clock moved by hand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlmodel import col, select

from framework.app import App, Settings
from framework.clock import ManualClock
from framework.integration.calls import CallView, idempotency_key
from framework.integration.desk import Desk
from framework.integration.integration import Integration
from framework.integration.workshop import Workshop
from framework.model.apicall import APICall, CallStatus, IntegrationEvent, Standing
from framework.model.payload import Payload
from framework.testing.contract.subject import Subject, Variant
from framework.testing.contract.wire import Wire
from framework.testing.postman import Letter

ENDED = (CallStatus.COMPLETED, CallStatus.FAILED)
A_WHILE = timedelta(seconds=30)
LONG = 60
"""After so many whiles, half an hour, a call that has not ended never will."""


class Bench:
    """Carries out calls of one subject step by step. `file` keeps them, also over a `restart`."""

    def __init__(self, subject: Subject, file: Path, variant: Variant | None = None) -> None:
        self.subject = subject
        self.variant = variant or subject.usual
        self.clock = ManualClock(datetime.now(UTC).replace(microsecond=0))
        self.sandbox = subject.open_sandbox(
            now=self.clock.now, webhook_url="https://ours.example/", hold_webhooks=True
        )
        self.wire = Wire(self.sandbox)
        self._file = file
        self._concluded: set[UUID] = set()
        self.app = self._open()

    def _open(self) -> App:
        integration = self.variant.create(self.variant.call)
        integration.open_client = partial(integration.open_client, transport=self.wire)  # type: ignore[method-assign]  # the network of this bench
        app = App(
            modules=[[self.variant.call]],
            integrations=[integration],
            database=f"sqlite:///{self._file}",
            settings=Settings(synchronous="NORMAL"),
            clock=self.clock,
        )
        app.create()
        return app

    def restart(self) -> None:
        """The process ends, and another begins with what is in the store."""
        self.app.close()
        self.app = self._open()

    @property
    def integration(self) -> Integration[Any]:
        (integration,) = self.app.integrations
        return integration

    @property
    def desk(self) -> Desk:
        return self.app.desks[self.app.plan.shape(self.variant.call)]

    @property
    def effects(self) -> int:
        """What the vendor has done."""
        return self.subject.effects(self.sandbox)

    def place(self, request: Payload | None = None) -> UUID:
        """A call comes to be."""
        call: Any = self.variant.call
        record: APICall = call(request=request or self.variant.request)
        self.app.engine.write(lambda transaction: transaction.insert(self.desk.shape, record))
        return record.id

    def call(self, id: UUID) -> APICall:
        return self.app.get(self.variant.call, id)

    def view(self, id: UUID) -> CallView:
        """The call as a handler sees it."""
        return CallView(self.call(id), idempotency_key=idempotency_key(self.integration.name, id))

    def has_ended(self, id: UUID) -> bool:
        return self.call(id).status in ENDED

    async def settle(self) -> None:
        """Carry out what is due now."""
        await self.app.settle()

    async def later(self, by: timedelta = A_WHILE) -> None:
        """Time passes, and what is due by then is carried out."""
        self.clock.advance(by)
        await self.settle()

    def conclude(self, id: UUID) -> None:
        """Whoever must do something at the vendor does it, once."""
        call = self.call(id)
        if call.status is CallStatus.PROCESSING and id not in self._concluded:
            self._concluded.add(id)
            self.subject.conclude(self.sandbox, call)

    async def end(self, *ids: UUID, hearing: bool = True) -> None:
        """Work until these calls have ended; `hearing` takes the webhooks that come."""
        await self.settle()
        for _ in range(LONG):
            for id in ids:
                self.conclude(id)
            if hearing:
                await self.hear()
                await self.settle()
            if all(self.has_ended(id) for id in ids):
                return
            await self.later()
        raise AssertionError(f"{[self.call(id).status for id in ids]} after {LONG * A_WHILE}")

    def take_letters(self) -> list[Letter]:
        """The webhooks that the vendor has sent and nobody has taken yet."""
        letters, self.sandbox.postman.withheld = self.sandbox.postman.withheld, []
        return letters

    async def hear(self) -> list[int]:
        """Take all webhooks that are on their way."""
        return [await self.deliver(letter) for letter in self.take_letters()]

    def signed(self, letter: Letter, body: bytes | None = None) -> Mapping[str, str]:
        """The headers of a webhook, signed at this moment."""
        content = letter.body if body is None else body
        return {"content-type": "application/json", **letter.headers, **self.sandbox.sign(content)}

    async def deliver(
        self, letter: Letter, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> int:
        """Deliver a webhook as the vendor would, and say how it was answered."""
        content = letter.body if body is None else body
        path = self.desk.handlers.webhooks[0].path
        transport = httpx.ASGITransport(self.app.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="https://ours.example") as vendor:
            answer = await vendor.post(
                f"/webhooks/{self.integration.name}/{path}",
                content=content,
                headers=dict(self.signed(letter, content) if headers is None else headers),
            )
        return answer.status_code

    def events(self, id: UUID) -> list[IntegrationEvent]:
        """All that was said about a call, in the order of its arrival."""
        said = select(IntegrationEvent).where(IntegrationEvent.call_id == id)
        return self.app.query(said.order_by(col(IntegrationEvent.id)))

    def history(self, id: UUID) -> list[str]:
        """What has moved a call, in order."""
        return [event.kind.value for event in self.events(id) if event.standing is Standing.APPLIED]

    def standings(self, id: UUID) -> list[Standing]:
        return [event.standing for event in self.events(id)]

    def dump(self) -> str:
        """Everything that is in the store, as text."""
        with self.app.engine.database.reading() as connection:
            tables = connection.rows("SELECT name FROM sqlite_master WHERE type = 'table'", [])
            return "\n".join(
                str(row) for (table,) in tables for row in connection.rows(f'SELECT * FROM "{table}"', [])
            )

    @asynccontextmanager
    async def two_workers(self) -> AsyncIterator[tuple[Workshop, Workshop]]:
        """Two workers at work on the same calls, each with its own idea of how its vendor is."""
        desks = list(self.app.desks.values())
        first, second = (
            Workshop(lambda: self.app.engine, self.app.integrations, desks, [], self.app.metrics)
            for _ in range(2)
        )
        async with first.working(), second.working():
            yield first, second

    def close(self) -> None:
        self.app.close()
