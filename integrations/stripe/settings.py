"""Where Stripe is, and where its secrets are kept."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef


class StripeSettings(BaseSettings):
    """From the environment: `STRIPE_BASE_URL`, `STRIPE_SECRET_KEY_REF` and `STRIPE_WEBHOOK_SECRET_REF`.

    The secrets themselves are kept where the references say, by default in the variables `STRIPE_SECRET_KEY`
    and `STRIPE_WEBHOOK_SECRET`; the latter may hold several, with a comma between, while one is rotated.
    """

    model_config = SettingsConfigDict(
        env_prefix="STRIPE_", extra="ignore", frozen=True, populate_by_name=True
    )

    base_url: str = "https://api.stripe.com"
    secret_key: AuthRef = Field(AuthRef("env://STRIPE_SECRET_KEY"), validation_alias="STRIPE_SECRET_KEY_REF")
    webhook_secret: AuthRef = Field(
        AuthRef("env://STRIPE_WEBHOOK_SECRET"), validation_alias="STRIPE_WEBHOOK_SECRET_REF"
    )
