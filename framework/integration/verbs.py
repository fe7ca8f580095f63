"""The verbs of an integration: each one registers the function under it and leaves it as it is."""

from collections.abc import Callable
from inspect import isfunction
from typing import Any, TypeVar

from framework.integration.handlers import (
    APIHandler,
    CallHandler,
    CancelHandler,
    DeliveryKey,
    DeliveryTenant,
    Hook,
    InboundHandler,
    PollHandler,
    Probe,
    ReconcileHandler,
    RecoverHandler,
    SideEffectHandler,
    SubmitHandler,
    WebhookHandler,
)
from framework.integration.registration import Registration, VerbWithoutClass
from framework.integration.signature import Verify
from framework.model.apicall import APICall
from framework.model.record import Record

CallF = TypeVar("CallF", bound=CallHandler)
SubmitF = TypeVar("SubmitF", bound=SubmitHandler)
PollF = TypeVar("PollF", bound=PollHandler)
WebhookF = TypeVar("WebhookF", bound=WebhookHandler)
InboundF = TypeVar("InboundF", bound=InboundHandler)
RecoverF = TypeVar("RecoverF", bound=RecoverHandler)
ReconcileF = TypeVar("ReconcileF", bound=ReconcileHandler)
CancelF = TypeVar("CancelF", bound=CancelHandler)
APIF = TypeVar("APIF", bound=APIHandler)
SideEffectF = TypeVar("SideEffectF", bound=SideEffectHandler)
ProbeF = TypeVar("ProbeF", bound=Probe)
HookF = TypeVar("HookF", bound=Hook)
F = TypeVar("F", bound=Callable[..., Any])


class Verbs:
    """What an integration does, and for which class of calls. Mistakes are found when the App is built."""

    def __init__(self) -> None:
        self._registrations: list[Registration] = []
        self._begun: list[tuple[str, object]] = []  # verbs that have no function yet

    def call(self, call: type[APICall]) -> Callable[[CallF], CallF]:
        """The vendor answers with the result: `async def f(call, http) -> Completed | Failed`."""
        return self._register("call", call)

    def submit(self, call: type[APICall]) -> Callable[[SubmitF], SubmitF]:
        """The vendor takes the call, and the outcome comes later.

        `async def f(call, http) -> ExternalId | Completed | Failed | Processing`
        """
        return self._register("submit", call)

    def poll(self, call: type[APICall]) -> Callable[[PollF], PollF]:
        """Ask how a submitted call stands: `async def f(call, http) -> Outcome | None`."""
        return self._register("poll", call)

    def webhook(
        self,
        call: type[APICall],
        *,
        path: str = "events",
        verify: Verify | None = None,
        tenant: DeliveryTenant | None = None,
    ) -> Callable[[WebhookF], WebhookF]:
        """Read what the vendor delivers, once `verify` has proven it.

        `def f(delivery) -> Outcome | Reply | None`. None means that the delivery is about nothing of ours. A
        Reply is about nothing either, and is sent back. Where records have tenants, the call says whose the
        delivery is, or the address, or `tenant` from the delivery.
        """
        return self._register("webhook", call, path=path, verify=verify, tenant=tenant)

    def inbound(
        self,
        *,
        key: DeliveryKey,
        path: str = "events",
        verify: Verify | None = None,
        tenant: DeliveryTenant | None = None,
    ) -> Callable[[InboundF], InboundF]:
        """Hear what happens at the vendor unasked, once `verify` has proven it.

        `def f(delivery) -> Event | None`. The event is dispatched under the delivery's `key`, so that a
        repeated delivery changes nothing. None means that the delivery tells the business nothing. A path may
        be shared with webhooks. Where records have tenants, the address says whose the delivery is, or
        `tenant` from the delivery.
        """
        return self._register("inbound", path=path, verify=verify, key=key, tenant=tenant)

    def recover(self, call: type[APICall]) -> Callable[[RecoverF], RecoverF]:
        """Find out after a crash or a time-out whether the vendor got the call.

        `async def f(call, http) -> ExternalId | Outcome | NotSubmitted`
        """
        return self._register("recover", call)

    def reconcile(self, call: type[APICall]) -> Callable[[ReconcileF], ReconcileF]:
        """List what the vendor knows: `async def f(since, http)`, yielding or returning outcomes."""
        return self._register("reconcile", call)

    def cancel(self, call: type[APICall]) -> Callable[[CancelF], CancelF]:
        """Ask the vendor to stop: `async def f(call, http) -> Outcome | None`."""
        return self._register("cancel", call)

    def api(self, call: type[APICall], *, name: str | None = None) -> Callable[[APIF], APIF]:
        """Answer a user's request about one call: `async def f(call, http) -> Payload | Outcome | None`.

        It is addressed by `name`, or else by the function's own. A third argument, annotated with a payload,
        is what the user must tell besides the call; with a default, what they may tell.
        """
        return self._register("api", call, path=name or "")

    def side_effect(self, record: type[Record]) -> Callable[[SideEffectF], SideEffectF]:
        """Act when such a record is created, with no outcome: `async def f(record, http) -> None`."""
        return self._register("side_effect", record)

    def test_connection(self, function: ProbeF) -> ProbeF:
        """Try the credentials by the cheapest request; raise an IntegrationError if they do not hold."""
        return self._register("test_connection")(function)

    def check_health(self, function: ProbeF) -> ProbeF:
        """See whether the vendor is well; raise an IntegrationError if it is not."""
        return self._register("check_health")(function)

    def on_start(self, function: HookF) -> HookF:
        """Run before the first call is carried out: `async def f() -> None`."""
        return self._register("on_start")(function)

    def on_stop(self, function: HookF) -> HookF:
        """Run after the last call was carried out: `async def f() -> None`."""
        return self._register("on_stop")(function)

    def _register(
        self,
        verb: str,
        record: type[Record] | None = None,
        *,
        path: str = "",
        verify: Verify | None = None,
        key: DeliveryKey | None = None,
        tenant: DeliveryTenant | None = None,
    ) -> Callable[[F], F]:
        if isfunction(record):
            raise VerbWithoutClass(verb=verb, function=record.__name__)

        begun = (verb, record)
        self._begun.append(begun)

        def register(function: F) -> F:
            self._begun = [one for one in self._begun if one is not begun]
            self._registrations.append(Registration(verb, function, record, path, verify, key, tenant))
            return function

        return register

    def _registered(self, *verbs: str) -> list[Registration]:
        return [one for one in self._registrations if one.verb in verbs]
