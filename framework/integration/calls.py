"""Calls as a handler sees them: to read, not to write."""

from typing import Any, Generic, cast
from uuid import UUID

from typing_extensions import TypeVar

from framework.errors import DeclarationError, InvariantBroken
from framework.integration.outcomes import ExternalId
from framework.model.apicall import APICall
from framework.model.columns import without_none
from framework.model.payload import Payload

Request = TypeVar("Request", bound=Payload, default=Any)


class ResultUnclear(DeclarationError):
    """The result of {call} is declared as {annotation}. Declare one payload, as `result: Receipt | None`."""


class HandlerWrites(InvariantBroken):
    """A handler set {field} of a call, but only integration events change it. Return an outcome."""


class CallView(Generic[Request]):
    """A call in the hands of a handler: what was asked, and under which names the vendor may know it.

    `idempotency_key` is the same in every attempt. The call's other facts are readable by their names.
    """

    __slots__ = ("_attempt", "_idempotency_key", "_record")

    def __init__(self, record: APICall, *, idempotency_key: str, attempt: int = 1) -> None:
        object.__setattr__(self, "_record", record)
        object.__setattr__(self, "_idempotency_key", idempotency_key)
        object.__setattr__(self, "_attempt", attempt)

    @property
    def id(self) -> UUID:
        return cast(UUID, self._record.id)

    @property
    def request(self) -> Request:
        return cast(Request, self._record.request)

    @property
    def external_id(self) -> ExternalId | None:
        return cast(ExternalId | None, self._record.external_id)

    @property
    def idempotency_key(self) -> str:
        return cast(str, self._idempotency_key)

    @property
    def attempt(self) -> int:
        """1 for the first try."""
        return cast(int, self._attempt)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._record, name)

    def __setattr__(self, name: str, value: object) -> None:
        raise HandlerWrites(field=name)

    def __repr__(self) -> str:
        return f"<{type(self._record).__name__} {self.id}, attempt {self.attempt}>"


def idempotency_key(integration: str, call_id: UUID, generation: int = 0, tenant: str | None = None) -> str:
    """The key under which a vendor does a call once.

    It stays the same over all attempts; `generation` grows only when an operator approves another body. Two
    tenants may have calls of one id, and must not be given each other's answers.
    """
    return f"{keys_of(integration, tenant)}{call_id}:{generation}"


def keys_of(integration: str, tenant: str | None) -> str:
    """How the keys of an integration's calls begin."""
    return f"{integration}:" if tenant is None else f"{integration}:{tenant}:"


def result_type(call: type[APICall]) -> type[Payload] | None:
    """The payload class that the call class declares for `result`; None where it declares none."""
    annotation = without_none(call.model_fields["result"].annotation)
    if annotation is Any or annotation is type(None) or annotation is Payload:
        return None
    if isinstance(annotation, type) and issubclass(annotation, Payload):
        return annotation
    raise ResultUnclear(call=call.__name__, annotation=annotation)
