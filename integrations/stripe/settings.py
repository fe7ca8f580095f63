"""Where Stripe is, and where its secrets are kept."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef


class StripeSettings(BaseSettings):
    """`STRIPE_BASE_URL`, and the references `STRIPE_KEY` and `STRIPE_SIGNING_SECRET`; no secret is in here.

    By default the secrets are in the variables `STRIPE_SECRET_KEY` and `STRIPE_WEBHOOK_SECRET`. The latter
    may hold several, with a comma between, while one is rotated.
    """

    model_config = SettingsConfigDict(env_prefix="STRIPE_", frozen=True)

    base_url: str = "https://api.stripe.com"
    key: AuthRef = AuthRef("env://STRIPE_SECRET_KEY")
    signing_secret: AuthRef = AuthRef("env://STRIPE_WEBHOOK_SECRET")
