"""Where GitHub is, as whom we speak to it, and where the secrets are kept."""

from typing import Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef


class GitHubSettings(BaseSettings):
    """From the environment: `GITHUB_BASE_URL` and so on; `GITHUB_TOKEN_REF` says where the token is.

    With `app_id` (the App's client id, or its number) and `installation_id` we speak as a GitHub App, with
    the private key in `GITHUB_APP_PRIVATE_KEY`, or wherever `GITHUB_APP_PRIVATE_KEY_REF` says
    (`file:///run/secrets/github.pem`). Without them we speak with the token in `GITHUB_TOKEN`: a personal
    one, or that of a workflow.

    `GITHUB_WEBHOOK_SECRET` may hold several secrets, with a comma between, while one is rotated. An App is
    asked for the deliveries of its own webhook; with a token, those of the webhook `hook_id` of
    `hook_repository`.
    """

    model_config = SettingsConfigDict(env_prefix="GITHUB_", frozen=True)

    base_url: str = "https://api.github.com"
    token_ref: AuthRef = AuthRef("env://GITHUB_TOKEN")
    app_id: str | None = Field(
        default=None,
        description="The App as which we speak: its client id, or its number. With a token: empty.",
    )
    installation_id: int | None = Field(default=None, description="The installation of that App.")
    app_private_key_ref: AuthRef = AuthRef("env://GITHUB_APP_PRIVATE_KEY")
    webhook_secret_ref: AuthRef = AuthRef("env://GITHUB_WEBHOOK_SECRET")
    hook_repository: str | None = Field(
        default=None,
        description="With a token: the repository whose webhook is asked what it could not deliver.",
    )
    hook_id: int | None = Field(default=None, description="The number of that webhook.")

    @field_validator("app_id", "installation_id", "hook_repository", "hook_id", mode="before")
    @classmethod
    def _empty_is_none(cls, given: Any) -> Any:
        return None if given == "" else given

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.app_id is None) is not (self.installation_id is None):
            raise ValueError("app_id and installation_id are given together, or not at all")
        if (self.hook_repository is None) is not (self.hook_id is None):
            raise ValueError("hook_repository and hook_id are given together, or not at all")
        return self

    @property
    def is_app(self) -> bool:
        """Whether we speak as an App."""
        return self.app_id is not None

    @property
    def wanted_secrets(self) -> frozenset[str]:
        """The names of the secrets without which nothing can be sent."""
        return frozenset(
            {"GITHUB_APP_PRIVATE_KEY" if self.is_app else "GITHUB_TOKEN", "GITHUB_WEBHOOK_SECRET"}
        )
