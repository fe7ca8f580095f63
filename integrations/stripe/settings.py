"""Where Stripe is, and where its secrets are kept."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef


class StripeSettings(BaseSettings):
    """From the environment: `STRIPE_BASE_URL`, and where the secrets are kept: `STRIPE_SECRET_KEY_REF` and
    `STRIPE_WEBHOOK_SECRET_REF`.

    By default the secrets are in the variables `STRIPE_SECRET_KEY` and `STRIPE_WEBHOOK_SECRET`. The latter
    may hold several, with a comma between, while one is rotated.

    `STRIPE_POLL_SECONDS` is how long a payment may be silent before Stripe is asked about it for the first
    time, because its webhook may be lost; without it, the policy says.
    """

    model_config = SettingsConfigDict(env_prefix="STRIPE_", env_ignore_empty=True, frozen=True)

    base_url: str = "https://api.stripe.com"
    poll_seconds: float | None = Field(
        default=None,
        gt=0,
        description="How long a payment may be silent before Stripe is asked about it; 30 if empty.",
    )
    secret_key_ref: AuthRef = AuthRef("env://STRIPE_SECRET_KEY")
    webhook_secret_ref: AuthRef = AuthRef("env://STRIPE_WEBHOOK_SECRET")
