"""For tests of business without a vendor: say what integrations would say."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from framework.errors import DispatchError
from framework.integration.delivery import Delivery
from framework.integration.desk import Desk
from framework.integration.handlers import CallHandlers
from framework.integration.ingest import Source, ingest
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, ExternalId, Failed, Outcome, Processing, Reply
from framework.integration.policy import Policy
from framework.model.apicall import APICall, Standing
from framework.model.payload import Payload
from framework.plan.shape import Shape

if TYPE_CHECKING:  # the App imports much, and a sandbox of this package needs none of it
    from framework.app import App

__all__ = ["deliver", "emit"]

Kind: TypeAlias = Literal["initialized", "processing", "completed", "failed"]


class NotEmittable(DispatchError):
    """{given!r} cannot be emitted. Give a call, as the App returns it, and what becomes of it:
    `emit(app, call, "completed", result=...)`, or "initialized", "processing", "failed".
    """


def emit(
    app: "App",
    call: APICall,
    kind: Kind,
    *,
    result: Payload | None = None,
    reason: str = "refused in a test",
    code: str = "failed",
    external_id: str | None = None,
    event_id: str | None = None,
    occurred_at: datetime | None = None,
) -> Standing | None:
    """Insert an integration event about a call, with those that must come before it.

    Returns what became of the event; None if it was known before.
    """
    if not isinstance(call, APICall):
        raise NotEmittable(given=call)
    if kind not in get_args(Kind):
        raise NotEmittable(given=kind)
    shape = app.plan.shape(type(call))
    desk = app.desks.get(shape) or _nobodys_desk(app, shape)
    correlated: dict[str, Any] = {"event_id": event_id, "occurred_at": occurred_at}
    if external_id is not None:
        correlated["external_id"] = ExternalId(external_id)
    said: Outcome
    match kind:
        case "initialized" | "processing":
            said = Processing(**correlated)
        case "completed":
            said = Completed(result, **correlated)
        case "failed":
            said = Failed(reason, code=code, **correlated)
    return app.engine.write(lambda tx: ingest(tx, desk, Source.OPERATOR, said, call_id=call.id))


def deliver(
    app: "App",
    integration: str,
    path: str,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    tenant: str | None = None,
) -> Reply | None:
    """Deliver to a webhook as the vendor would, without a socket; with `tenant`, to the address of a tenant.

    Raises what the web face answers with.
    """
    delivery = Delivery(
        headers=headers or {},
        body=body,
        received_at=app.clock.now(),
        path=f"/webhooks/{integration}/{path}",
    )
    return app.letterboxes[integration, path].receive(app.engine, delivery, tenant)


def _nobodys_desk(app: "App", shape: Shape) -> Desk:
    """A desk for calls that no integration of the App serves."""
    return Desk(Integration("nobody"), CallHandlers(policy=Policy()), shape, app.metrics)
