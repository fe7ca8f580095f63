"""What was paid goes back once, whatever happens on the way, and ends as Stripe says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlmodel import select

from framework import CallStatus
from framework.integration.outcomes import Completed, Failed, Processing
from framework.testing.contract.bench import Bench
from framework.testing.sandbox import Fault
from integrations.stripe.mapping import outcome_of_refund, to_refund, to_refund_result_of
from integrations.stripe.models import Refund
from tests.integrations.stripe.subject import PAID_BEFORE, STRIPE_REFUNDS, ContractRefund, Credit, Return

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    with STRIPE_REFUNDS.at_home():
        at_work = Bench(STRIPE_REFUNDS, tmp_path / "refunds.db")
        try:
            yield at_work
        finally:
            at_work.close()


async def test_a_part_of_a_payment_goes_back_and_is_over_when_it_arrived(tmp_path: Path) -> None:
    async with bench(tmp_path) as stripe:
        id = stripe.place()
        await stripe.end(id)
        refund = stripe.call(id)
        assert stripe.history(id) == ["initialized", "processing", "completed"]
        (kept,) = stripe.sandbox.books()["refunds"]
        assert (refund.status, refund.external_id) == (CallStatus.COMPLETED, kept["id"])
        assert (kept["amount"], kept["payment_intent"]) == (1250, PAID_BEFORE)
        assert stripe.app.query(select(ContractRefund))[0].result == Credit(refund=kept["id"])


async def test_without_an_amount_all_that_is_left_goes_back_and_then_nothing_is(tmp_path: Path) -> None:
    async with bench(tmp_path) as stripe:
        part, rest = stripe.place(), stripe.place(Return(payment_intent=PAID_BEFORE))
        await stripe.end(part, rest)
        again = stripe.place(Return(payment_intent=PAID_BEFORE))
        await stripe.end(again)
        assert [one["amount"] for one in stripe.sandbox.books()["refunds"]] == [1250, 98_750]
        refused = stripe.call(again)
        assert refused.status is CallStatus.FAILED
        assert refused.error is not None
        assert refused.error.endswith("has already been refunded. Nothing is left to give back.")


async def test_after_a_lost_answer_the_refund_is_found_among_those_of_its_payment(tmp_path: Path) -> None:
    async with bench(tmp_path) as stripe:
        stripe.sandbox.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
        id = stripe.place()
        await stripe.end(id)
        assert (stripe.call(id).status, stripe.effects) == (CallStatus.COMPLETED, 1)
        asked = [(one.method, one.path) for one in stripe.sandbox.requests]
        assert asked.count(("POST", "/v1/refunds")) == 1
        assert ("GET", "/v1/refunds") in asked


async def test_a_refund_that_the_bank_sends_back_has_failed_with_its_reason(tmp_path: Path) -> None:
    async with bench(tmp_path) as stripe:
        stripe.sandbox.automatic = False  # type: ignore[attr-defined]  # of Stripe's sandbox
        id = stripe.place()
        await stripe.settle()
        stripe.sandbox.refunded(stripe.call(id).external_id, failure="expired_or_canceled_card")  # type: ignore[attr-defined]
        await stripe.end(id)
        refund = stripe.call(id)
        assert (refund.status, refund.error) == (
            CallStatus.FAILED,
            "The refund failed (expired_or_canceled_card)",
        )


def test_a_status_that_nobody_knows_yet_is_no_end() -> None:
    of = lambda status: outcome_of_refund(  # noqa: E731
        Refund(id="re_1", amount=1, currency="eur", created=0, status=status), to_refund_result_of(None)
    )
    assert isinstance(of("succeeded"), Completed)
    assert isinstance(of("canceled"), Failed)
    assert [type(of(one)) for one in ("pending", "requires_action", "by_horse", None)] == [Processing] * 4


def test_a_request_says_what_goes_back() -> None:
    wanted = to_refund(Return(payment_intent="pi_1", amount_cents=5))
    assert (wanted.payment_intent, wanted.amount, wanted.reason) == ("pi_1", 5, None)
