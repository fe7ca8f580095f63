"""A double of Stripe: payment intents that are declined or paid, events, refunds, and signed webhooks.

A payment that is accepted is `processing` in the answer and `succeeded` shortly after, as with methods that
take a while; `automatic=False` leaves it there until a test calls `succeed` or `fail`. Answers follow the
description of API version 2023-08-16.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from framework.testing.postman import Letter
from framework.testing.sandbox import Sandbox
from integrations.stripe.client import API_VERSION
from integrations.stripe.webhooks import HEADER, EventKind, sign

Object = dict[str, Any]
Form = Mapping[str, str]

DECLINES: Mapping[str, tuple[str, str, str]] = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline", "Your card was declined."),
    "pm_card_chargeDeclinedInsufficientFunds": (
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
    ),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card", "Your card has expired."),
    "pm_card_authenticationRequired": (
        "authentication_required",
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
}
"""Stripe's own test methods that are declined: code, decline code, message."""
ACCEPTED = ("pm_card_visa", "pm_card_mastercard", "pm_card_amex")

CREATE_FIELDS = frozenset(
    {
        "amount",
        "automatic_payment_methods",
        "capture_method",
        "confirm",
        "confirmation_method",
        "currency",
        "customer",
        "description",
        "error_on_requires_action",
        "expand",
        "mandate",
        "metadata",
        "off_session",
        "on_behalf_of",
        "payment_method",
        "payment_method_types",
        "receipt_email",
        "return_url",
        "setup_future_usage",
        "shipping",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_group",
        "use_stripe_sdk",
    }
)
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")
CANCELLATION_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")


class Refusal(Exception):
    """Stripe says no: a status and the body of its error."""

    def __init__(self, status: int, message: str, **error: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": "invalid_request_error", "message": message, **error}}


@dataclass(frozen=True)
class Saved:
    """The first answer to an idempotency key, and what was asked with it."""

    asked: tuple[str, bytes]
    status: int
    body: bytes


@dataclass
class Books:
    """All that this Stripe knows, by id, oldest first; objects change by their keys, never within them."""

    payment_intents: dict[str, Object] = field(default_factory=dict)
    charges: dict[str, Object] = field(default_factory=dict)
    refunds: dict[str, Object] = field(default_factory=dict)
    events: dict[str, Object] = field(default_factory=dict)


class StripeSandbox(Sandbox):
    """Accepts `api_key`, and sends the kinds of events in `events` to its webhook endpoint."""

    name = "stripe"
    environment = {
        "STRIPE_SECRET_KEY": "sk_test_sandbox",
        "STRIPE_WEBHOOK_SECRET": "whsec_sandbox",
        "STRIPE_POLL_SECONDS": "2",
    }
    ledgers = {"_books": Books, "_saved": dict[str, Saved]}

    def __init__(
        self,
        *,
        api_key: str = "sk_test_sandbox",
        webhook_secret: str = "whsec_sandbox",
        automatic: bool = True,
        pending_refunds: bool = False,
        events: Iterable[str] = (
            EventKind.SUCCEEDED,
            EventKind.CANCELED,
            EventKind.PAYMENT_FAILED,
            EventKind.REFUND_UPDATED,
        ),
        **options: Any,
    ) -> None:
        super().__init__(webhook_secret=webhook_secret, **options)
        self.automatic = automatic
        self.pending_refunds = pending_refunds
        self._api_key = api_key
        self.events = frozenset(events)
        self._books = Books()
        self._saved: dict[str, Saved] = {}
        self._letters: dict[str, Letter] = {}

    # What the kit asks for.

    def routes(self) -> Sequence[Route]:
        intents = "/v1/payment_intents"
        return [
            self._reading(intents, self._list_intents),
            self._writing(intents, self._create_intent),
            self._reading(f"{intents}/search", self._search_intents),
            self._reading(f"{intents}/{{id}}", self._retrieve_intent),
            self._writing(f"{intents}/{{id}}/confirm", self._confirm_intent),
            self._writing(f"{intents}/{{id}}/cancel", self._cancel_intent),
            self._reading("/v1/charges/{id}", lambda request: _find(self._books.charges, request, "charge")),
            self._reading("/v1/refunds", self._list_refunds),
            self._writing("/v1/refunds", self._create_refund),
            self._reading("/v1/refunds/{id}", lambda request: _find(self._books.refunds, request, "refund")),
            self._reading("/v1/events", self._list_events),
            self._reading("/v1/events/{id}", lambda request: _find(self._books.events, request, "event")),
        ]

    def refusal(self, request: Request) -> Response | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and secrets.compare_digest(key, self._api_key):
            return None
        said = "Invalid API Key provided." if key else "You did not provide an API key."
        return _answer(401, Refusal(401, said).body)

    def books(self) -> Mapping[str, Any]:
        return {
            "payment_intents": list(self._books.payment_intents.values()),
            "charges": list(self._books.charges.values()),
            "refunds": list(self._books.refunds.values()),
            "events": list(self._books.events.values()),
        }

    def sign(self, body: bytes) -> Mapping[str, str]:
        return {HEADER: sign(self.webhook_secret, body, self.now())}

    def throttled(self, retry_after: int) -> Response:
        body = Refusal(429, "Request rate limit exceeded.", code="rate_limit").body
        return _answer(429, body, {"retry-after": str(retry_after), "stripe-should-retry": "true"})

    def broken(self) -> Response:
        body = Refusal(500, "An unknown error occurred.", type="api_error").body
        return _answer(500, body)

    def unknown(self, request: Request) -> Response:
        said = f"Unrecognized request URL ({request.method}: {request.url.path})."
        return _answer(404, Refusal(404, said).body)

    # What a test calls.

    def succeed(self, intent_id: str) -> None:
        """The payment of this intent goes through; one that is not processing is left alone."""
        intent = self._books.payment_intents[intent_id]
        if intent["status"] != "processing":
            return
        charge = self._books.charges[intent["latest_charge"]]
        charge |= {
            "status": "succeeded",
            "paid": True,
            "captured": True,
            "amount_captured": charge["amount"],
            "receipt_url": f"https://pay.stripe.com/receipts/payment/{charge['id']}",
        }
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
        self._record("charge.succeeded", charge)
        self._record(EventKind.SUCCEEDED, intent)

    def fail(
        self, intent_id: str, code: str = "card_declined", message: str = "Your card was declined."
    ) -> None:
        """The payment fails after all: the intent waits for another payment method, which is not the end."""
        intent = self._books.payment_intents[intent_id]
        self._books.charges[intent["latest_charge"]]["status"] = "failed"
        self._decline(intent, code, code, message)

    def refunded(self, refund_id: str, *, failure: str | None = None) -> None:
        """A pending refund arrives at the payer, or fails for this reason."""
        refund = self._books.refunds[refund_id]
        if refund["status"] != "pending":
            return
        refund |= (
            {"status": "succeeded"} if failure is None else {"status": "failed", "failure_reason": failure}
        )
        self._record(EventKind.REFUND_UPDATED, refund)

    def was_paid(self, intent_id: str, amount: int) -> None:
        """A payment of earlier days, of which nothing was told here and which can be refunded."""
        charge_id, now = f"ch_of_{intent_id}", int(self.now().timestamp())
        self._books.charges[charge_id] = {
            "id": charge_id,
            "object": "charge",
            "amount": amount,
            "amount_captured": amount,
            "amount_refunded": 0,
            "captured": True,
            "created": now,
            "currency": "eur",
            "metadata": {},
            "paid": True,
            "payment_intent": intent_id,
            "refunded": False,
            "status": "succeeded",
        }
        self._books.payment_intents[intent_id] = {
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": amount,
            "created": now,
            "currency": "eur",
            "latest_charge": charge_id,
            "metadata": {},
            "status": "succeeded",
        }

    # Endpoints.

    def _create_intent(self, request: Request, form: Form) -> Object:
        for name in form:
            if name.partition("[")[0] not in CREATE_FIELDS:
                raise Refusal(
                    400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name
                )
        amount, currency = _amount(form), _required(form, "currency")
        if len(currency) != 3 or not currency.islower():
            raise Refusal(400, f"Invalid currency: {currency}", param="currency")
        confirm, now = form.get("confirm") == "true", int(self.now().timestamp())
        if "off_session" in form and not confirm:
            raise Refusal(400, "`off_session` needs `confirm`.", param="off_session")
        intent_id = _new_id("pi")
        intent: Object = {
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "automatic_payment_methods": _automatic(form),
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": form.get("capture_method", "automatic"),
            "client_secret": f"{intent_id}_secret_{secrets.token_urlsafe(18)}",
            "confirmation_method": "automatic",
            "created": now,
            "currency": currency,
            "customer": form.get("customer"),
            "description": form.get("description"),
            "invoice": None,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": _metadata(form),
            "next_action": None,
            "payment_method": _payment_method(form),
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": form.get("receipt_email"),
            "status": "requires_confirmation" if form.get("payment_method") else "requires_payment_method",
        }
        if confirm:
            _require_no_redirect(intent, form)
        self._books.payment_intents[intent_id] = intent
        self._record("payment_intent.created", intent, request)
        if confirm:
            self._confirm(intent, request)
        return intent

    def _retrieve_intent(self, request: Request) -> Object:
        return self._expanded(_find(self._books.payment_intents, request, "payment_intent"), request)

    def _confirm_intent(self, request: Request, form: Form) -> Object:
        intent = _find(self._books.payment_intents, request, "payment_intent")
        if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
            raise _unexpected_state(intent, "confirm")
        intent["payment_method"] = _payment_method(form) or intent["payment_method"]
        _require_no_redirect(intent, form)
        self._confirm(intent, request)
        return intent

    def _cancel_intent(self, request: Request, form: Form) -> Object:
        intent = _find(self._books.payment_intents, request, "payment_intent")
        if intent["status"] not in CANCELABLE:
            raise _unexpected_state(intent, "cancel")
        reason = form.get("cancellation_reason")
        if reason not in (None, *CANCELLATION_REASONS):
            raise Refusal(400, f"Invalid cancellation_reason: {reason}", param="cancellation_reason")
        intent |= {
            "status": "canceled",
            "canceled_at": int(self.now().timestamp()),
            "cancellation_reason": reason,
        }
        self._record(EventKind.CANCELED, intent, request)
        return intent

    def _list_intents(self, request: Request) -> Object:
        return _page(request, self._books.payment_intents.values(), "customer")

    def _search_intents(self, request: Request) -> Object:
        """Understands the one query that is asked here: `metadata['name']:'value'`."""
        query = request.query_params.get("query", "")
        name, separator, value = query.removeprefix("metadata['").partition("']:'")
        if not (query.startswith("metadata['") and separator and value.endswith("'")):
            raise Refusal(400, f"We were unable to parse your search query: {query}", param="query")
        intents = reversed(self._books.payment_intents.values())
        found = [one for one in intents if one["metadata"].get(name) == value[:-1]]
        return {
            "object": "search_result",
            "url": request.url.path,
            "has_more": False,
            "next_page": None,
            "data": found,
        }

    def _list_events(self, request: Request) -> Object:
        types = _listed(request, "types")
        delivered = request.query_params.get("delivery_success")
        events = [
            event
            for event in self._books.events.values()
            if (not types or event["type"] in types)
            and (delivered is None or self._delivered(event) is (delivered == "true"))
        ]
        return _page(request, events, "types", "type", "delivery_success")

    def _create_refund(self, request: Request, form: Form) -> Object:
        intent = self._books.payment_intents.get(_required(form, "payment_intent"))
        if intent is None:
            raise _missing("payment_intent", form["payment_intent"])
        if intent["status"] != "succeeded":
            raise Refusal(400, "This PaymentIntent does not have a successful charge to refund.")
        charge = self._books.charges[intent["latest_charge"]]
        left = charge["amount"] - charge["amount_refunded"]
        amount = _amount(form) if "amount" in form else left
        if not left:
            said = f"Charge {charge['id']} has already been refunded."
            raise Refusal(400, said, code="charge_already_refunded")
        if amount > left:
            raise Refusal(400, f"Refund amount ({amount}) is greater than charge amount left ({left}).")
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        refund = {
            "id": _new_id("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": int(self.now().timestamp()),
            "currency": charge["currency"],
            "metadata": _metadata(form),
            "payment_intent": intent["id"],
            "reason": form.get("reason"),
            "status": "pending" if self.pending_refunds else "succeeded",
        }
        self._books.refunds[refund["id"]] = refund
        self._record("charge.refunded", charge, request)
        if self.pending_refunds and self.automatic:
            self.later(lambda: self.refunded(refund["id"]))
        return refund

    def _list_refunds(self, request: Request) -> Object:
        return _page(request, self._books.refunds.values(), "payment_intent")

    # How it works.

    def _reading(self, path: str, read: Callable[[Request], Object]) -> Route:
        async def answer(request: Request) -> Response:
            try:
                _require_version(request)
                return _answer(200, read(request))
            except Refusal as refusal:
                return _answer(refusal.status, refusal.body)

        return Route(path, answer, methods=["GET"])

    def _writing(self, path: str, write: Callable[[Request, Form], Object]) -> Route:
        async def answer(request: Request) -> Response:
            try:
                return await self._once(request, write)
            except Refusal as refusal:
                return _answer(refusal.status, refusal.body)

        return Route(path, answer, methods=["POST"])

    async def _once(self, request: Request, write: Callable[[Request, Form], Object]) -> Response:
        """Do what is asked, or say again what was said when this key was used first."""
        _require_version(request)
        key, asked = request.headers.get("idempotency-key"), (request.url.path, await request.body())
        saved = self._saved.get(key) if key else None
        if saved is not None:
            if saved.asked != asked:
                said = "Keys for idempotent requests can only be used with the same parameters."
                raise Refusal(400, said, type="idempotency_error")
            return _answer(saved.status, saved.body, {"idempotent-replayed": "true"})
        form = dict(parse_qsl(asked[1].decode(), keep_blank_values=True))
        try:
            status, body = 200, json.dumps(write(request, form)).encode()
        except Refusal as refusal:
            if refusal.status != 402:  # a request that never ran is not remembered
                raise
            status, body = refusal.status, json.dumps(refusal.body).encode()
        if key:
            self._saved[key] = Saved(asked, status, body)
        return _answer(status, body)

    def _confirm(self, intent: Object, request: Request) -> None:
        method = intent["payment_method"]
        if method is None:
            raise Refusal(400, "A payment method is needed to confirm.", param="payment_method")
        if method in DECLINES:
            code, decline_code, message = DECLINES[method]
            charge = self._charge(intent, "failed")
            intent["latest_charge"] = charge["id"]
            error = self._decline(intent, code, decline_code, message, request)
            raise Refusal(402, message, **error, payment_intent=intent)
        charge = self._charge(intent, "pending")
        intent |= {"status": "processing", "latest_charge": charge["id"], "last_payment_error": None}
        self._record("payment_intent.processing", intent, request)
        if self.automatic:
            self.later(lambda: self.succeed(intent["id"]))

    def _decline(
        self, intent: Object, code: str, decline_code: str, message: str, request: Request | None = None
    ) -> Object:
        error = {
            "type": "card_error",
            "code": code,
            "decline_code": decline_code,
            "charge": intent["latest_charge"],
            "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        }
        intent |= {
            "status": "requires_payment_method",
            "payment_method": None,
            "last_payment_error": {**error, "message": message},
        }
        self._record(EventKind.PAYMENT_FAILED, intent, request)
        return error

    def _charge(self, intent: Object, status: str) -> Object:
        charge = {
            "id": _new_id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "captured": False,
            "created": int(self.now().timestamp()),
            "currency": intent["currency"],
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "paid": False,
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"],
            "receipt_email": intent["receipt_email"],
            "receipt_url": None,
            "refunded": False,
            "status": status,
        }
        self._books.charges[charge["id"]] = charge
        return charge

    def _record(self, kind: str, subject: Object, request: Request | None = None) -> None:
        """Something happened: an event is kept, and told to the webhook endpoint if it wants to know."""
        key = request.headers.get("idempotency-key") if request else None
        event: Object = {
            "id": _new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(self.now().timestamp()),
            "data": {"object": dict(subject)},
            "livemode": False,
            "pending_webhooks": 1 if kind in self.events else 0,
            "request": {"id": _new_id("req") if request else None, "idempotency_key": key},
            "type": str(kind),
        }
        self._books.events[event["id"]] = event
        if kind in self.events:
            topic = subject.get("payment_intent") or subject["id"]
            self._letters[event["id"]] = self.notify(kind, json.dumps(event).encode(), topic=topic)

    def _delivered(self, event: Object) -> bool:
        letter = self._letters.get(event["id"])
        return letter is None or letter.arrived

    def _expanded(self, intent: Object, request: Request) -> Object:
        if "latest_charge" in _listed(request, "expand") and intent["latest_charge"]:
            return {**intent, "latest_charge": self._books.charges[intent["latest_charge"]]}
        return intent


def _answer(status: int, body: Object | bytes, headers: Mapping[str, str] | None = None) -> Response:
    shared = {"request-id": _new_id("req"), "stripe-version": API_VERSION}
    content = body if isinstance(body, bytes) else json.dumps(body)
    return Response(content, status, {**shared, **(headers or {})}, "application/json")


def _new_id(kind: str) -> str:
    """Ids differ between runs, because whoever talks to a sandbox may remember the last one."""
    return f"{kind}_{secrets.token_hex(12)}"


def _page(request: Request, objects: Iterable[Object], *filters: str) -> Object:
    """One page, newest first, by the filters that every list of Stripe has."""
    query = request.query_params
    known = {"limit", "starting_after", "created", "expand", *filters}
    for name in query:
        if name.partition("[")[0] not in known:
            raise Refusal(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
    newest = [one for one in reversed(list(objects)) if one["created"] >= int(query.get("created[gte]", 0))]
    for name in {"customer", "payment_intent"} & set(filters) & set(query):
        newest = [one for one in newest if one[name] == query[name]]
    if after := query.get("starting_after"):
        ids = [one["id"] for one in newest]
        newest = newest[ids.index(after) + 1 :] if after in ids else []
    limit = int(query.get("limit", 10))
    if not 1 <= limit <= 100:
        raise Refusal(400, "Limit is from 1 to 100.", param="limit")
    return {
        "object": "list",
        "url": request.url.path[request.url.path.index("/v1/") :],
        "has_more": len(newest) > limit,
        "data": newest[:limit],
    }


def _find(objects: Mapping[str, Object], request: Request, kind: str) -> Object:
    wanted = request.path_params["id"]
    if wanted not in objects:
        raise _missing(kind, wanted)
    return objects[wanted]


def _missing(kind: str, wanted: str) -> Refusal:
    return Refusal(404, f"No such {kind}: '{wanted}'", code="resource_missing", param="id")


def _unexpected_state(intent: Object, verb: str) -> Refusal:
    said = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
    return Refusal(400, said, code="payment_intent_unexpected_state", payment_intent=dict(intent))


def _require_version(request: Request) -> None:
    version = request.headers.get("stripe-version")
    if version != API_VERSION:
        raise Refusal(400, f"Invalid Stripe API version: {version}")


def _require_no_redirect(intent: Object, form: Form) -> None:
    """Since 2023-08-16 a confirmation needs a place to return to, unless no method redirects."""
    automatic = intent["automatic_payment_methods"]
    redirects = automatic is not None and automatic.get("allow_redirects") != "never"
    if redirects and "return_url" not in form:
        said = "You must provide a `return_url`, or set automatic_payment_methods[allow_redirects] to never."
        raise Refusal(400, said, param="return_url")


def _automatic(form: Form) -> Object | None:
    if any(name.startswith("payment_method_types") for name in form):
        return None
    redirects = form.get("automatic_payment_methods[allow_redirects]", "always")
    enabled = form.get("automatic_payment_methods[enabled]", "true") == "true"
    return {"enabled": True, "allow_redirects": redirects} if enabled else None


def _payment_method(form: Form) -> str | None:
    method = form.get("payment_method")
    if method is not None and method not in (*ACCEPTED, *DECLINES):
        said = f"No such PaymentMethod: '{method}'"
        raise Refusal(400, said, code="resource_missing", param="payment_method")
    return method


def _listed(request: Request, name: str) -> list[str]:
    """A list in a query: `name[]`, or `name[0]` as the SDKs write it."""
    return [
        value for key, value in request.query_params.multi_items() if re.fullmatch(rf"{name}\[\d*\]", key)
    ]


def _metadata(form: Form) -> dict[str, str]:
    return {
        name.removeprefix("metadata[").removesuffix("]"): value
        for name, value in form.items()
        if name.startswith("metadata[")
    }


def _amount(form: Form) -> int:
    amount = _required(form, "amount")
    if not amount.isdecimal() or int(amount) < 1:
        raise Refusal(400, "This value must be greater than or equal to 1.", param="amount")
    return int(amount)


def _required(form: Form, name: str) -> str:
    if name not in form:
        raise Refusal(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
    return form[name]
