"""For tests of business without a vendor: say what integrations would say."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from framework.errors import DispatchError
from framework.integration.calls import result_type
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


class NotSaid(DispatchError):
    """No vendor says `{name}={given!r}` of a {call}: {reason}."""


class NothingDelivered(DispatchError):
    """This App takes no delivery at {address!r}. It takes some at: {known}."""


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
    if not hasattr(app, "plan"):
        raise NotEmittable(given=app)
    if kind not in get_args(Kind):
        raise NotEmittable(given=kind)
    shape = app.plan.shape(type(call))
    _check(type(call), kind, result, occurred_at, (external_id, event_id, reason, code))
    app.get(type(call), call.id)  # raises NoSuchRecord for one that is not stored
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
    box = app.letterboxes.get((integration, path))
    if box is None:
        known = ", ".join(repr(f"{one}/{at}") for one, at in app.letterboxes)
        raise NothingDelivered(address=f"{integration}/{path}", known=known or "none")
    if not isinstance(body, bytes):
        raise NotSaid(name="body", given=body, call="delivery", reason="it comes as bytes")
    delivery = Delivery(
        headers=headers or {},
        body=body,
        received_at=app.clock.now(),
        path=f"/webhooks/{integration}/{path}",
    )
    return box.receive(app.engine, delivery, tenant)


def _check(call: type[APICall], kind: Kind, result: Any, occurred_at: Any, texts: tuple[Any, ...]) -> None:
    declared = result_type(call) or Payload
    wrong: dict[str, tuple[Any, str]] = {}
    if result is not None and kind != "completed":
        wrong["result"] = result, f"it comes with 'completed', and not with {kind!r}"
    elif not isinstance(result, declared | None):
        wrong["result"] = result, f"it is declared as a {declared.__name__}"
    if occurred_at is not None and getattr(occurred_at, "tzinfo", None) is None:
        wrong["occurred_at"] = occurred_at, "a moment has its time zone: `datetime(..., tzinfo=UTC)`"
    for name, given in zip(("external_id", "event_id", "reason", "code"), texts, strict=True):
        if not isinstance(given, str) and (given is not None or name in ("reason", "code")):
            wrong[name] = given, "it is a text"
    for name, (given, reason) in wrong.items():
        raise NotSaid(name=name, given=given, call=call.__name__, reason=reason)


def _nobodys_desk(app: "App", shape: Shape) -> Desk:
    """A desk for calls that no integration of the App serves."""
    return Desk(Integration("nobody"), CallHandlers(policy=Policy()), shape, app.metrics)
