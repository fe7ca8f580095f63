"""Stripe's endpoints, one typed method each, raw and untranslated."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import SecretStr, ValidationError

from integrations.stripe.models import (
    Charge,
    ErrorAnswer,
    Event,
    Page,
    PaymentError,
    PaymentIntent,
    Refund,
    WireModel,
)

API_VERSION = "2023-08-16"
PAGE_SIZE = 100

Scalar = str | int | bool
Form = Mapping[str, "Scalar | Form | Sequence[Scalar] | None"]
Answer = TypeVar("Answer", bound=WireModel)


class StripeError(Exception):
    """Stripe answered {status}: the error as it was said, and what the headers advise about trying again."""

    def __init__(
        self,
        status: int,
        error: PaymentError,
        *,
        writing: bool,
        should_retry: bool | None = None,
        retry_after: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            f"Stripe answered {status} {error.code or error.type} ({request_id or 'no request id'})"
        )
        self.status = status
        self.error = error
        self.writing = writing
        self.should_retry = should_retry
        self.retry_after = retry_after
        self.request_id = request_id


class UnreadableAnswer(Exception):
    """Stripe accepted a request and answered something that is not the described object.

    The body is not quoted, for it may hold a client secret; Stripe's dashboard shows it by the request's id.
    """

    def __init__(self, status: int, *, fields: Sequence[str], writing: bool, request_id: str | None) -> None:
        where = ", ".join(fields)
        super().__init__(
            f"Stripe answered {status} with unreadable {where} ({request_id or 'no request id'})"
        )
        self.status = status
        self.writing = writing
        self.request_id = request_id


@dataclass(frozen=True)
class StripeClient:
    """Stripe as seen with one key. `http` knows the base URL."""

    http: httpx.AsyncClient
    key: SecretStr

    async def create_payment_intent(
        self,
        *,
        amount: int,
        currency: str,
        payment_method: str,
        idempotency_key: str,
        confirm: bool = True,
        off_session: bool = True,
        receipt_email: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> PaymentIntent:
        """POST /v1/payment_intents. `amount` is in the smallest unit, `currency` in lower case.

        Methods that send the payer to another page are ruled out: since 2023-08-16 Stripe otherwise demands
        a `return_url` of every confirmation, and nobody is there to return.
        """
        form: Form = {
            "amount": amount,
            "currency": currency,
            "payment_method": payment_method,
            "confirm": confirm,
            "off_session": off_session if confirm else None,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "receipt_email": receipt_email,
            "description": description,
            "metadata": metadata,
        }
        return await self._post("/v1/payment_intents", form, PaymentIntent, idempotency_key)

    async def retrieve_payment_intent(self, intent: str) -> PaymentIntent:
        """GET /v1/payment_intents/{intent}, with its latest charge in full, which has the receipt."""
        return await self._get(
            f"/v1/payment_intents/{_segment(intent)}", {"expand": ["latest_charge"]}, PaymentIntent
        )

    async def confirm_payment_intent(
        self,
        intent: str,
        *,
        idempotency_key: str,
        payment_method: str | None = None,
        off_session: bool | None = None,
    ) -> PaymentIntent:
        """POST /v1/payment_intents/{intent}/confirm."""
        form: Form = {"payment_method": payment_method, "off_session": off_session}
        path = f"/v1/payment_intents/{_segment(intent)}/confirm"
        return await self._post(path, form, PaymentIntent, idempotency_key)

    async def cancel_payment_intent(
        self, intent: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> PaymentIntent:
        """POST /v1/payment_intents/{intent}/cancel. `reason` is one of Stripe's cancellation reasons.

        It needs no idempotency key: a second cancellation is refused. A key would make Stripe repeat for a
        day that the intent cannot be canceled now.
        """
        form: Form = {"cancellation_reason": reason}
        path = f"/v1/payment_intents/{_segment(intent)}/cancel"
        return await self._post(path, form, PaymentIntent, idempotency_key)

    async def list_payment_intents(
        self,
        *,
        created_since: datetime | None = None,
        limit: int = PAGE_SIZE,
        starting_after: str | None = None,
    ) -> Page[PaymentIntent]:
        """GET /v1/payment_intents: one page, newest first."""
        form: Form = {
            "created": {"gte": _unix(created_since)},
            "limit": limit,
            "starting_after": starting_after,
        }
        return await self._get("/v1/payment_intents", form, Page[PaymentIntent])

    async def search_payment_intents(self, query: str, *, limit: int = 10) -> Page[PaymentIntent]:
        """GET /v1/payment_intents/search. What was created within the last minute may be missing."""
        form: Form = {"query": query, "limit": limit}
        return await self._get("/v1/payment_intents/search", form, Page[PaymentIntent])

    async def list_events(
        self,
        *,
        types: Sequence[str],
        created_since: datetime | None = None,
        delivery_success: bool | None = None,
        limit: int = PAGE_SIZE,
        starting_after: str | None = None,
    ) -> Page[Event]:
        """GET /v1/events: one page, newest first, of the last 30 days."""
        form: Form = {
            "types": types,
            "created": {"gte": _unix(created_since)},
            "delivery_success": delivery_success,
            "limit": limit,
            "starting_after": starting_after,
        }
        return await self._get("/v1/events", form, Page[Event])

    async def all_events(
        self, *, types: Sequence[str], created_since: datetime, delivery_success: bool | None = None
    ) -> AsyncIterator[Event]:
        """Every page of `list_events`, newest first."""
        last: str | None = None
        while True:
            page = await self.list_events(
                types=types,
                created_since=created_since,
                delivery_success=delivery_success,
                starting_after=last,
            )
            for event in page.data:
                yield event
            if not page.has_more or not page.data:
                return
            last = page.data[-1].id

    async def all_payment_intents(self, *, created_since: datetime) -> AsyncIterator[PaymentIntent]:
        """Every page of `list_payment_intents`, newest first."""
        last: str | None = None
        while True:
            page = await self.list_payment_intents(created_since=created_since, starting_after=last)
            for intent in page.data:
                yield intent
            if not page.has_more or not page.data:
                return
            last = page.data[-1].id

    async def retrieve_charge(self, charge: str) -> Charge:
        """GET /v1/charges/{charge}."""
        return await self._get(f"/v1/charges/{_segment(charge)}", {}, Charge)

    async def create_refund(
        self,
        *,
        payment_intent: str,
        idempotency_key: str,
        amount: int | None = None,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Refund:
        """POST /v1/refunds. Without `amount` all that is left is refunded."""
        form: Form = {
            "payment_intent": payment_intent,
            "amount": amount,
            "reason": reason,
            "metadata": metadata,
        }
        return await self._post("/v1/refunds", form, Refund, idempotency_key)

    async def retrieve_refund(self, refund: str) -> Refund:
        """GET /v1/refunds/{refund}."""
        return await self._get(f"/v1/refunds/{_segment(refund)}", {}, Refund)

    async def list_refunds(
        self, payment_intent: str, *, limit: int = PAGE_SIZE, starting_after: str | None = None
    ) -> Page[Refund]:
        """GET /v1/refunds: one page of the refunds of one intent, newest first."""
        form: Form = {"payment_intent": payment_intent, "limit": limit, "starting_after": starting_after}
        return await self._get("/v1/refunds", form, Page[Refund])

    async def all_refunds(self, payment_intent: str) -> AsyncIterator[Refund]:
        """Every page of `list_refunds`, newest first."""
        last: str | None = None
        while True:
            page = await self.list_refunds(payment_intent, starting_after=last)
            for refund in page.data:
                yield refund
            if not page.has_more or not page.data:
                return
            last = page.data[-1].id

    async def _get(self, path: str, form: Form, model: type[Answer]) -> Answer:
        answer = await self.http.get(path, params=urlencode(flatten(form)), headers=self._headers)
        return _read(answer, model, writing=False)

    async def _post(self, path: str, form: Form, model: type[Answer], idempotency_key: str | None) -> Answer:
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        answer = await self.http.post(path, content=urlencode(flatten(form)), headers=headers)
        return _read(answer, model, writing=True)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key.get_secret_value()}", "Stripe-Version": API_VERSION}


def flatten(form: Form, prefix: str = "") -> list[tuple[str, str]]:
    """The pairs of a form in Stripe's notation: `metadata[key]`, `types[]`, `true`; None is left out."""
    pairs: list[tuple[str, str]] = []
    for key, value in form.items():
        name = f"{prefix}[{key}]" if prefix else key
        match value:
            case None:
                continue
            case Mapping():
                pairs += flatten(value, name)
            case str() | int():
                pairs.append((name, _text(value)))
            case _:
                pairs += [(f"{name}[]", _text(one)) for one in value]
    return pairs


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _segment(identifier: str) -> str:
    """An id as one part of a path, so that none can reach another endpoint."""
    return quote(identifier, safe="")


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _read(answer: httpx.Response, model: type[Answer], *, writing: bool) -> Answer:
    if not answer.is_success:
        raise _refusal(answer, writing=writing)
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        fields = sorted({".".join(map(str, mistake["loc"])) or "JSON" for mistake in error.errors()})
        raise UnreadableAnswer(
            answer.status_code, fields=fields, writing=writing, request_id=answer.headers.get("request-id")
        ) from None  # pydantic's error quotes the body


def _refusal(answer: httpx.Response, *, writing: bool) -> StripeError:
    try:
        error = ErrorAnswer.model_validate_json(answer.content).error
    except ValidationError:
        # A gateway in between answers in its own words; the status is all there is to go by.
        error = PaymentError(type="api_error")
    return StripeError(
        answer.status_code,
        error,
        writing=writing,
        should_retry={"true": True, "false": False}.get(answer.headers.get("stripe-should-retry", "")),
        retry_after=answer.headers.get("retry-after"),
        request_id=answer.headers.get("request-id"),
    )
