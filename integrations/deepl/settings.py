"""Where DeepL is, and where its key is kept."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef
from integrations.deepl.client import PRO


class DeepLSettings(BaseSettings):
    """From the environment: `DEEPL_BASE_URL`, and `DEEPL_AUTH_KEY_REF` for the place where the key is kept.

    The key itself is by default in the variable `DEEPL_AUTH_KEY`. One of the free plan chooses the free host,
    so `base_url` is for sandboxes and proxies.
    """

    model_config = SettingsConfigDict(env_prefix="DEEPL_", frozen=True)

    base_url: str = PRO
    auth_key_ref: AuthRef = AuthRef("env://DEEPL_AUTH_KEY")
