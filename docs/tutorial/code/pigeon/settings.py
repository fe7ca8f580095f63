"""Where Pigeon is, and where its secrets are kept."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef


class PigeonSettings(BaseSettings):
    """From the environment: `PIGEON_BASE_URL`, and `..._REF` for a secret that is kept elsewhere."""

    model_config = SettingsConfigDict(env_prefix="PIGEON_", frozen=True)

    base_url: str = "https://api.pigeon.example"
    key_ref: AuthRef = AuthRef("env://PIGEON_KEY")
    webhook_secret_ref: AuthRef = AuthRef("env://PIGEON_WEBHOOK_SECRET")
