"""Where OpenAI is, where its secrets are kept, which model answers, and what is done in doubt."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef


class OpenAISettings(BaseSettings):
    """From the environment: `OPENAI_BASE_URL` (with or without `/v1`), and where the secrets are kept:
    `OPENAI_API_KEY_REF` and `OPENAI_WEBHOOK_SECRET_REF`.

    By default the secrets are in the variables `OPENAI_API_KEY` and `OPENAI_WEBHOOK_SECRET`. The latter may
    hold several, with a comma between, while one is rotated. `OPENAI_ORG_ID` and `OPENAI_PROJECT_ID` say who
    pays, where a key leaves that open.

    `OPENAI_MODEL` answers where a request names no model. `OPENAI_POLL_SECONDS` is how long a background
    response may be silent before it is asked about. `OPENAI_ON_DOUBT` says what is done when the answer to a
    submission was lost: OpenAI cannot be asked whether it got one, so it is left to the operator ("fail"), or
    sent again ("retry"), which may cost its tokens twice.
    """

    model_config = SettingsConfigDict(env_prefix="OPENAI_", frozen=True)

    base_url: str = "https://api.openai.com/v1"
    api_key_ref: AuthRef = AuthRef("env://OPENAI_API_KEY")
    webhook_secret_ref: AuthRef = AuthRef("env://OPENAI_WEBHOOK_SECRET")
    org_id: str | None = None
    project_id: str | None = None
    model: str = "gpt-5-mini"
    poll_seconds: float | None = Field(default=None, gt=0)
    on_doubt: Literal["fail", "retry"] = "fail"
