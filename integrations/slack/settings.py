"""Where Slack is, where its secrets are kept, and how fast a channel is written to."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef


class SlackSettings(BaseSettings):
    """From the environment: `SLACK_BASE_URL`, and where the secrets are kept: `SLACK_BOT_TOKEN_REF` and
    `SLACK_SIGNING_SECRET_REF`.

    By default the secrets are in the variables `SLACK_BOT_TOKEN` and `SLACK_SIGNING_SECRET`. The latter may
    hold several, with a comma between, while one is rotated.

    `SLACK_CHANNEL_SECONDS` is how far apart the messages of one channel are sent: Slack takes about one a
    second.
    """

    model_config = SettingsConfigDict(env_prefix="SLACK_", frozen=True)

    base_url: str = "https://slack.com"
    bot_token_ref: AuthRef = AuthRef("env://SLACK_BOT_TOKEN")
    signing_secret_ref: AuthRef = AuthRef("env://SLACK_SIGNING_SECRET")
    channel_seconds: float = Field(
        default=1.0, ge=0, description="How far apart the messages of one channel are sent, in seconds."
    )
