"""What a deployment may choose about DeepL."""

import pytest

from framework.errors import DeclarationError
from integrations.deepl.client import PRO
from integrations.deepl.settings import DeepLSettings


def test_without_any_choice_the_key_is_in_the_environment_and_the_address_is_deepls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEEPL_AUTH_KEY", "a-key-that-nobody-may-see")
    settings = DeepLSettings()
    assert (settings.base_url, settings.auth_key_ref) == (PRO, "env://DEEPL_AUTH_KEY")
    assert "a-key-that-nobody-may-see" not in repr(settings)


def test_the_environment_names_another_address_and_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPL_BASE_URL", "http://127.0.0.1:8900/deepl")
    monkeypatch.setenv("DEEPL_AUTH_KEY_REF", "file:///run/secrets/deepl")
    settings = DeepLSettings()
    assert (settings.base_url, settings.auth_key_ref) == (
        "http://127.0.0.1:8900/deepl",
        "file:///run/secrets/deepl",
    )


def test_a_key_in_the_settings_is_refused_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPL_AUTH_KEY_REF", "a-key-that-nobody-may-see")
    with pytest.raises(DeclarationError) as refused:
        DeepLSettings()
    assert "nobody-may-see" not in str(refused.value)
