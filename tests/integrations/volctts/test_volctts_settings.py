"""What a deployment may choose about Volcengine."""

import pytest
from pydantic import ValidationError

from framework.errors import DeclarationError, NeedsAttention
from integrations.volctts.client import HOME, AppAccess, ConsoleKey
from integrations.volctts.settings import VolcTTSSettings


def test_without_any_choice_the_key_of_the_new_console_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLC_TTS_API_KEY", "a-key-that-nobody-may-see")
    settings = VolcTTSSettings()
    credentials = settings.credentials()
    assert settings.base_url == HOME
    assert isinstance(credentials, ConsoleKey)
    assert credentials.headers == {"X-Api-Key": "a-key-that-nobody-may-see"}
    assert "nobody-may-see" not in repr(settings) + repr(credentials)


def test_the_old_console_gives_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLC_TTS_CONSOLE", "old")
    monkeypatch.setenv("VOLC_TTS_APP_ID", "app")
    monkeypatch.setenv("VOLC_TTS_ACCESS_KEY", "access")
    credentials = VolcTTSSettings().credentials()
    assert isinstance(credentials, AppAccess)
    assert credentials.headers == {"X-Api-App-Id": "app", "X-Api-Access-Key": "access"}


def test_a_missing_key_needs_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOLC_TTS_API_KEY", raising=False)
    with pytest.raises(NeedsAttention, match="VOLC_TTS_API_KEY"):
        VolcTTSSettings().credentials()


@pytest.mark.parametrize(("given", "rate"), [("16000", 16000), ("", None)])
def test_the_sample_rate_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, given: str, rate: int | None
) -> None:
    monkeypatch.setenv("VOLC_TTS_SAMPLE_RATE", given)
    monkeypatch.setenv("VOLC_TTS_AUDIO_FORMAT", "ogg_opus")
    audio = VolcTTSSettings().audio
    assert (audio.sample_rate, audio.format) == (rate, "ogg_opus")


@pytest.mark.parametrize("given", ["12345", "fast"])
def test_a_sample_rate_that_the_vendor_does_not_know_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("VOLC_TTS_SAMPLE_RATE", given)
    with pytest.raises(ValidationError, match="sample_rate"):
        VolcTTSSettings()


def test_a_key_in_the_settings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLC_TTS_API_KEY_REF", "a-key-that-nobody-may-see")
    with pytest.raises(DeclarationError) as refused:
        VolcTTSSettings()
    assert "nobody-may-see" not in str(refused.value)
