"""What an integration declares: who carries out which calls, and who answers whom."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from framework.integration.delivery import Delivery
from framework.integration.inputs import Input
from framework.integration.outcomes import (
    Completed,
    ExternalId,
    Failed,
    NotSubmitted,
    Outcome,
    Processing,
    Reply,
)
from framework.integration.policy import Policy
from framework.integration.signature import Verify
from framework.model.apicall import APICall
from framework.model.entity import Event
from framework.model.payload import Payload
from framework.model.record import Record

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient

# The first argument is the call as a CallView, or the record of a side effect. It is Any here, so that a
# handler may annotate it with the class whose facts it reads.
CallHandler: TypeAlias = Callable[[Any, "HTTPClient"], Awaitable[Completed | Failed]]
SubmitHandler: TypeAlias = Callable[
    [Any, "HTTPClient"], Awaitable[ExternalId | Completed | Failed | Processing]
]
PollHandler: TypeAlias = Callable[[Any, "HTTPClient"], Awaitable[Outcome | None]]
WebhookHandler: TypeAlias = Callable[[Delivery], Outcome | Reply | None]
InboundHandler: TypeAlias = Callable[[Delivery], Event | None]
DeliveryKey: TypeAlias = Callable[[Delivery], str]
DeliveryTenant: TypeAlias = Callable[[Delivery], str | None]
RecoverHandler: TypeAlias = Callable[[Any, "HTTPClient"], Awaitable[ExternalId | Outcome | NotSubmitted]]
ReconcileHandler: TypeAlias = Callable[
    [datetime, "HTTPClient"], AsyncIterator[Outcome] | Awaitable[Sequence[Outcome]]
]
CancelHandler: TypeAlias = Callable[[Any, "HTTPClient"], Awaitable[Outcome | None]]
APIHandler: TypeAlias = Callable[..., Awaitable[Payload | Outcome | None]]  # its third argument is its input
SideEffectHandler: TypeAlias = Callable[[Any, "HTTPClient"], Awaitable[None]]
Probe: TypeAlias = Callable[["HTTPClient"], Awaitable[None]]
Hook: TypeAlias = Callable[[], Awaitable[None]]

Execution: TypeAlias = Literal["call", "submit"]


@dataclass(frozen=True)
class SideEffect:
    """What happens outside when a record is created.

    `execution` is "call" or "submit" for the one that carries out a call, and None for a bare side effect,
    whose return value means nothing.
    """

    record: type[Record]
    run: CallHandler | SubmitHandler | SideEffectHandler
    execution: Execution | None = None


@dataclass(frozen=True)
class Webhook:
    """An address for a vendor's deliveries. `verify` runs on the raw bytes, before `parse` reads them.

    `tenant` reads from a delivery whose it is, where that is not known by the call.
    """

    call: type[APICall]
    path: str
    verify: Verify | None
    parse: WebhookHandler
    tenant: DeliveryTenant | None = None


@dataclass(frozen=True)
class Inbound:
    """An address for what happens at the vendor unasked: a delivery becomes an event of the business.

    `key` reads the vendor's name for the delivery. The event is dispatched under it, so that a repeated
    delivery changes nothing.
    """

    path: str
    verify: Verify | None
    key: DeliveryKey
    parse: InboundHandler
    tenant: DeliveryTenant | None = None


@dataclass(frozen=True)
class Poll:
    """How the vendor is asked for the outcome of a call that it has."""

    call: type[APICall]
    look_up: PollHandler


@dataclass(frozen=True)
class API:
    """A request of a user about one call: an outcome is ingested, a payload is the answer.

    `input` is what it wants to be told besides the call.
    """

    call: type[APICall]
    name: str
    answer: APIHandler
    input: Input | None = None


@dataclass(frozen=True, kw_only=True)
class CallHandlers:
    """All that an integration does for the calls of one class.

    `policy` is the integration's with `on_doubt` settled. One of `call` and `submit` is there.
    """

    policy: Policy
    call: CallHandler | None = None
    submit: SubmitHandler | None = None
    poll: PollHandler | None = None
    webhooks: tuple[Webhook, ...] = ()
    recover: RecoverHandler | None = None
    reconcile: ReconcileHandler | None = None
    cancel: CancelHandler | None = None
    apis: tuple[API, ...] = ()
