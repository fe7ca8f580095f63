"""What a deployment may choose about Slack."""

import pytest
from pydantic import ValidationError

from framework.errors import DeclarationError
from integrations.slack.settings import SlackSettings


def test_without_any_choice_the_secrets_are_in_the_environment_and_the_address_is_slacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-nobody-may-see")
    settings = SlackSettings()
    assert (settings.base_url, settings.channel_seconds) == ("https://slack.com", 1.0)
    assert (settings.bot_token_ref, settings.signing_secret_ref) == (
        "env://SLACK_BOT_TOKEN",
        "env://SLACK_SIGNING_SECRET",
    )
    assert "nobody-may-see" not in repr(settings)


def test_the_environment_names_other_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BASE_URL", "http://127.0.0.1:8900/slack")
    monkeypatch.setenv("SLACK_BOT_TOKEN_REF", "file:///run/secrets/slack")
    monkeypatch.setenv("SLACK_CHANNEL_SECONDS", "0.5")
    settings = SlackSettings()
    assert (settings.base_url, settings.bot_token_ref, settings.channel_seconds) == (
        "http://127.0.0.1:8900/slack",
        "file:///run/secrets/slack",
        0.5,
    )


def test_a_token_in_the_settings_is_refused_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN_REF", "xoxb-nobody-may-see")
    with pytest.raises(DeclarationError) as refused:
        SlackSettings()
    assert "nobody-may-see" not in str(refused.value)


def test_messages_cannot_be_sent_before_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_CHANNEL_SECONDS", "-1")
    with pytest.raises(ValidationError):
        SlackSettings()
