"""What the environment says about Stripe."""

import pytest
from pydantic import ValidationError

from framework import APICall, Payload
from integrations.stripe import POLICY, StripeSettings, create_stripe_integration


class Receipt(Payload):
    url: str | None = None


class SettingsCharge(APICall, table=True):
    result: Receipt | None = None


def first_poll(**settings):
    stripe = create_stripe_integration(SettingsCharge, StripeSettings(**settings))
    stripe.configure()
    return stripe.handlers[SettingsCharge].policy.poll.first


def test_a_silent_payment_is_asked_about_as_soon_as_the_settings_say():
    assert first_poll(poll_seconds=2) == 2


def test_without_that_setting_the_policy_says_when():
    assert first_poll() == POLICY.poll.first


def test_the_setting_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("STRIPE_POLL_SECONDS", "1.5")
    assert first_poll() == 1.5


def test_it_cannot_be_at_once():
    with pytest.raises(ValidationError):
        StripeSettings(poll_seconds=0)


def test_left_empty_it_says_nothing(monkeypatch):
    """As a line of `.env` that nobody filled in."""
    monkeypatch.setenv("STRIPE_POLL_SECONDS", "")
    assert first_poll() == POLICY.poll.first
