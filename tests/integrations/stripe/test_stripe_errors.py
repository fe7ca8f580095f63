"""Each answer of Stripe says whose problem it is."""

from datetime import UTC, datetime, timedelta

import pytest

from framework.errors import Declined, InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.stripe.client import StripeError, UnreadableAnswer
from integrations.stripe.errors import integration_error, retry_after, translated
from integrations.stripe.models import PaymentError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def error(status: int, *, writing: bool = True, **said: str) -> StripeError:
    return StripeError(
        status, PaymentError.model_validate({"type": "invalid_request_error"} | said), writing=writing
    )


@pytest.mark.parametrize(
    ("status", "type_", "writing", "kind"),
    [
        (400, "invalid_request_error", True, Permanent),
        (400, "idempotency_error", True, Permanent),
        (400, "card_error", True, Declined),
        (401, "invalid_request_error", True, NeedsAttention),
        (402, "card_error", True, Declined),
        (402, "invalid_request_error", True, Declined),
        (403, "invalid_request_error", True, NeedsAttention),
        (404, "invalid_request_error", False, Permanent),
        (409, "invalid_request_error", True, Transient),
        (424, "api_error", True, Transient),
        (429, "invalid_request_error", True, Transient),
        (500, "api_error", True, InDoubt),
        (502, "api_error", True, InDoubt),
        (503, "api_error", True, InDoubt),
        (504, "api_error", True, InDoubt),
        (500, "api_error", False, Transient),
        (503, "api_error", False, Transient),
        (300, "api_error", True, Permanent),
    ],
)
def test_each_row_of_the_table(status: int, type_: str, writing: bool, kind: type[IntegrationError]) -> None:
    assert type(integration_error(error(status, writing=writing, type=type_))) is kind


@pytest.mark.parametrize(
    ("status", "advice", "kind"),
    [(400, True, Transient), (409, False, Permanent), (500, True, InDoubt), (402, True, Declined)],
)
def test_stripes_advice_overrides_the_table_where_nothing_was_done(
    status: int, advice: bool, kind: type[IntegrationError]
) -> None:
    refusal = error(status)
    refusal.should_retry = advice
    assert type(integration_error(refusal)) is kind


def test_the_code_is_the_most_telling_one() -> None:
    declined = error(402, type="card_error", code="card_declined", decline_code="lost_card", message="No.")
    assert (integration_error(declined).code, str(integration_error(declined))) == (
        "lost_card",
        "No. Let the payer use another payment method.",
    )
    assert integration_error(error(404, code="resource_missing")).code == "resource_missing"
    assert integration_error(error(400)).code == "invalid_request_error"


@pytest.mark.parametrize(
    ("status", "advice", "step"),
    [
        (400, None, "Compare the request with Stripe's documentation."),
        (401, None, "Check STRIPE_SECRET_KEY: it is wrong, expired or revoked."),
        (402, None, "Let the payer use another payment method."),
        (403, None, "Give the key of STRIPE_SECRET_KEY the permission that it lacks."),
        (409, None, "It is tried again under the same key."),
        (409, False, "Stripe advises against trying again; look at its dashboard."),
        (400, True, "It is tried again under the same key."),
        (429, None, "It is tried again more slowly."),
        (500, None, "The call is looked for at Stripe before anything is sent again."),
        (302, None, "Check STRIPE_BASE_URL: it does not lead to Stripe."),
    ],
)
def test_every_message_ends_with_the_next_step(status: int, advice: bool | None, step: str) -> None:
    refusal = error(status, message="Stripe said so")
    refusal.should_retry = advice
    assert str(integration_error(refusal)) == f"Stripe said so. {step}"


def test_what_was_given_back_already_is_the_answer_of_the_business() -> None:
    refused = integration_error(error(400, code="charge_already_refunded", message="Already refunded."))
    assert (type(refused), refused.code) == (Declined, "charge_already_refunded")
    assert str(refused) == "Already refunded. Nothing is left to give back."


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("7", timedelta(seconds=7)),
        ("Fri, 20 Nov 2026 12:01:30 GMT", timedelta(seconds=90)),
        ("Fri, 20 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("soon", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, wait: timedelta | None) -> None:
    assert retry_after(header, NOW) == wait


def test_a_throttled_request_waits_as_long_as_stripe_asks() -> None:
    throttled = error(429, code="rate_limit")
    throttled.retry_after = "3"
    translated_error = integration_error(throttled, now=NOW)
    assert isinstance(translated_error, Transient)
    assert translated_error.retry_after == timedelta(seconds=3)


@pytest.mark.parametrize(("writing", "kind"), [(True, InDoubt), (False, Transient)])
def test_an_unreadable_answer_leaves_a_write_in_doubt(writing: bool, kind: type[IntegrationError]) -> None:
    with pytest.raises(kind) as raised:
        with translated():
            raise UnreadableAnswer(200, fields=["status"], writing=writing, request_id="req_1")
    assert raised.value.code == "unreadable_answer"
    assert "in Stripe's dashboard" in str(raised.value)
    assert "req_1" in str(raised.value)


def test_stripes_error_is_the_cause_of_ours() -> None:
    with pytest.raises(Permanent) as raised:
        with translated():
            raise error(404)
    assert isinstance(raised.value.__cause__, StripeError)
