"""The letterbox: what a vendor delivers is proven, read and stored, in this order, or refused."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from framework.errors import DeclarationError, DispatchError, InvariantBroken
from framework.integration.addressees import addressee
from framework.integration.delivery import Delivery
from framework.integration.desk import Desk
from framework.integration.handlers import Inbound, Webhook
from framework.integration.ingest import Source, ingest
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, Failed, Outcome, Processing, Reply
from framework.integration.signature import Verify
from framework.model.entity import Event
from framework.runtime.dispatch import dispatch
from framework.runtime.engine import Engine
from framework.runtime.transaction import Transaction
from framework.tenancy import within


class MixedVerifiers(DeclarationError):
    """The address {path!r} of integration {integration} is verified in two ways. Use one function."""


class WrongAddress(DispatchError):
    """A delivery of {integration} to {path!r} came to the address of the tenant {tenant!r} and says that it
    is for {said!r}.
    """


@dataclass
class Letterbox:
    """One address of an integration, and what is done with deliveries there."""

    integration: str
    path: str
    verify: Verify
    webhooks: list[tuple[Desk, Webhook]] = field(default_factory=list)
    inbounds: list[Inbound] = field(default_factory=list)

    def receive(self, engine: Engine, delivery: Delivery, tenant: str | None = None) -> Reply | None:
        """Store what a delivery says; it is in the database when this returns.

        Raises InvalidSignature and stores nothing unless the delivery is the vendor's; MalformedDelivery for
        what cannot be read, and NeedsAttention while there is no secret to verify with. Where it came to the
        address of a tenant, it is proven, read and stored within that tenant.
        """
        with within(tenant):
            return self._receive(engine, delivery, tenant)

    def _receive(self, engine: Engine, delivery: Delivery, tenant: str | None) -> Reply | None:
        self.verify(delivery)
        reply: Reply | None = None
        said: dict[str | None, list[tuple[Desk, Outcome]]] = {}
        for desk, webhook in self.webhooks:
            answered: object = webhook.parse(delivery)
            match answered:
                case None:
                    pass
                case Reply() as answer:
                    reply = answer
                case Completed() | Failed() | Processing() as outcome:
                    whose = self._said(engine, webhook, delivery, tenant) or addressee(engine, desk, outcome)
                    said.setdefault(whose, []).append((desk, outcome))
                case other:
                    given = type(other).__name__
                    raise InvariantBroken(
                        problem=f"a webhook of {self.integration} returned a {given}, which is no outcome"
                    )
        for name, outcomes in said.items():
            with within(name):
                engine.write(partial(_ingest, outcomes))
        for inbound in self.inbounds:
            event = inbound.parse(delivery)
            if event is not None:
                with within(self._said(engine, inbound, delivery, tenant)):
                    _dispatch(engine, self.integration, inbound, delivery, event)
        return reply

    def _said(
        self, engine: Engine, hook: Webhook | Inbound, delivery: Delivery, tenant: str | None
    ) -> str | None:
        """Whose the delivery is, by its address or as the integration reads it; the two must not differ."""
        if not engine.plan.tenanted:
            return None
        said = None if hook.tenant is None else hook.tenant(delivery)
        if tenant is not None and said not in (None, tenant):
            raise WrongAddress(integration=self.integration, path=self.path, tenant=tenant, said=said)
        return tenant or said


def letterboxes_of(
    integrations: Iterable[Integration[Any]], desks: Sequence[Desk]
) -> Mapping[tuple[str, str], Letterbox]:
    """All addresses at which deliveries are taken, by integration and path."""
    boxes: dict[tuple[str, str], Letterbox] = {}
    for desk in desks:
        for webhook in desk.handlers.webhooks:
            assert webhook.verify is not None, "assembly refuses webhooks without it"
            box = _box(boxes, desk.integration.name, webhook.path, webhook.verify)
            box.webhooks.append((desk, webhook))
    for integration in integrations:
        for inbound in integration.create_inbounds():
            assert inbound.verify is not None, "assembly refuses inbounds without it"
            _box(boxes, integration.name, inbound.path, inbound.verify).inbounds.append(inbound)
    return boxes


def _box(
    boxes: dict[tuple[str, str], Letterbox], integration: str, path: str, verify: Callable[[Delivery], None]
) -> Letterbox:
    box = boxes.setdefault((integration, path), Letterbox(integration, path, verify))
    if box.verify is not verify:
        raise MixedVerifiers(path=path, integration=integration)
    return box


def _ingest(said: Sequence[tuple[Desk, Outcome]], transaction: Transaction) -> None:
    for desk, outcome in said:
        ingest(transaction, desk, Source.WEBHOOK, outcome)


def _dispatch(engine: Engine, integration: str, inbound: Inbound, delivery: Delivery, event: Event) -> None:
    """Dispatch what happened at the vendor, once for each name that the vendor gives to a delivery."""
    key = f"{integration}:{inbound.path}:{inbound.key(delivery)}"
    dispatch(engine, event, key=key, actor=integration)
