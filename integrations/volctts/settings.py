"""Where Volcengine is, where its credentials are kept, and how its voices sound."""

from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef, resolve
from integrations.volctts.client import HOME, AppAccess, ConsoleKey, Credentials
from integrations.volctts.models import AudioFormat, AudioParams, SampleRate


class VolcTTSSettings(BaseSettings):
    """From the environment: `VOLC_TTS_BASE_URL` and so on; `VOLC_TTS_API_KEY_REF` says where the key is.

    Which credentials count depends on the console that issued them: `VOLC_TTS_API_KEY` of the new one, the
    pair `VOLC_TTS_APP_ID` and `VOLC_TTS_ACCESS_KEY` of the old one. `sample_rate` is in hertz; None (in the
    environment: an empty text) leaves it to the vendor. `user` is what the vendor's own statistics show.
    """

    model_config = SettingsConfigDict(env_prefix="VOLC_TTS_", frozen=True)

    base_url: str = HOME
    console: Literal["new", "old"] = Field(
        "new", description="Which console issued the credentials: new or old."
    )
    api_key_ref: AuthRef = AuthRef("env://VOLC_TTS_API_KEY")
    app_id_ref: AuthRef = AuthRef("env://VOLC_TTS_APP_ID")
    access_key_ref: AuthRef = AuthRef("env://VOLC_TTS_ACCESS_KEY")
    resource_id: str = Field("seed-tts-2.0", description="The model that speaks; the account must have it.")
    audio_format: AudioFormat = Field("mp3", description="How the audio is encoded.")
    sample_rate: SampleRate | None = Field(
        24000, description="Samples a second; empty leaves it to the vendor."
    )
    user: str = Field("millrace", description="What the vendor's own statistics show.")

    @field_validator("sample_rate", mode="before")
    @classmethod
    def _from_environment(cls, given: Any) -> Any:
        """The environment knows texts alone; an empty one leaves the rate to the vendor."""
        return (int(given) if given.isdecimal() else given or None) if isinstance(given, str) else given

    @property
    def audio(self) -> AudioParams:
        return AudioParams(format=self.audio_format, sample_rate=self.sample_rate)

    @property
    def wanted_secrets(self) -> frozenset[str]:
        """The names of the secrets that this console issues."""
        if self.console == "new":
            return frozenset({"VOLC_TTS_API_KEY"})
        return frozenset({"VOLC_TTS_APP_ID", "VOLC_TTS_ACCESS_KEY"})

    def credentials(self) -> Credentials:
        """The secrets themselves, read anew each time. Raises NeedsAttention if one is missing."""
        if self.console == "new":
            return ConsoleKey(resolve(self.api_key_ref))
        return AppAccess(resolve(self.app_id_ref), resolve(self.access_key_ref))
