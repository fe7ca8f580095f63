"""A run: one claimed call on its way to the vendor and back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import anyio

from framework.errors import InDoubt
from framework.integration.calls import CallView, idempotency_key
from framework.integration.desk import Desk
from framework.integration.gate import Gate
from framework.integration.need import Ask, LookUp, Need, Send
from framework.integration.outbox import Claimed, Outbox
from framework.integration.verdict import Case
from framework.plan.view import view_of

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient


@dataclass(slots=True, eq=False)
class Run:
    """What a worker knows of a call that it has claimed.

    `number` is the attempt that was written down for it; `fence` is what the row must still say when the end
    is recorded. They differ only if an event made the call due while it was under way, and this worker
    claimed it once more.
    """

    outbox: Outbox
    gate: Gate
    claimed: Claimed
    need: Need
    probe: bool = False
    number: int = field(init=False)
    fence: int = field(init=False)
    desk: Desk = field(init=False)
    prolonged: bool = False

    def __post_init__(self) -> None:
        self.number = self.fence = self.claimed.row["_attempt"]
        self.desk = self.outbox.desk

    @property
    def id(self) -> UUID:
        return self.claimed.row["id"]  # type: ignore[no-any-return]  # the id of a record

    @property
    def key(self) -> tuple[str | None, UUID]:
        """What tells it from all other runs: two tenants may have calls of one id."""
        return self.outbox.tenant, self.id

    @property
    def case(self) -> Case:
        desk = self.desk
        return Case(desk.integration.name, desk.handlers, self.claimed.row, self.need, self.claimed.doubtful)

    @property
    def calls_vendor(self) -> bool:
        return isinstance(self.need, Send | Ask | LookUp)

    async def answer(self, http: "HTTPClient") -> object:
        """What the vendor says, by the handler that this need asks for. Raises InDoubt if it takes too
        long: a request may have arrived.
        """
        limit = self.desk.policy.attempt
        with anyio.move_on_after(limit.total_seconds()):
            return await self._handler()(self.seen, http)
        raise InDoubt(f"the handler did not end within {limit.total_seconds():g} seconds", code="too_slow")

    def _handler(self) -> "Callable[[CallView, HTTPClient], Awaitable[object]]":
        handlers = self.desk.handlers
        handler: Callable[[CallView, HTTPClient], Awaitable[object]] | None
        match self.need:
            case Send():
                handler = handlers.call or handlers.submit
            case Ask():
                handler = handlers.recover
            case _:
                handler = handlers.poll or handlers.recover
        assert handler is not None, "a need arises only where there is a handler for it"
        return handler

    @property
    def seen(self) -> CallView:
        """The call as the handler sees it."""
        row, desk = self.claimed.row, self.desk
        key = idempotency_key(desk.integration.name, row["id"], row["_generation"], self.outbox.tenant)
        return CallView(view_of(desk.shape.view, row), idempotency_key=key, attempt=row["_burned"] + 1)
