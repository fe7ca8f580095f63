"""What is missing is said at once, with where to get it; and .env.example knows every variable."""

import re
from pathlib import Path

from app import create_app
from framework.integration.manifest import load_manifest

PROJECT = Path(__file__).resolve().parents[2]
THERE = {
    "STRIPE_SECRET_KEY": "sk_test_1234567",
    "STRIPE_WEBHOOK_SECRET": "whsec_1234567",
    "DEEPL_AUTH_KEY": "deepl-1234567",
    "VOLC_TTS_API_KEY": "volc-1234567",
    "GITHUB_TOKEN": "ghs_1234567",
    "GITHUB_WEBHOOK_SECRET": "hub-1234567",
    "SLACK_BOT_TOKEN": "xoxb-1234567",
    "SLACK_SIGNING_SECRET": "slack-1234567",
}


def test_all_missing_credentials_are_named_at_once_with_their_purpose_and_origin(millrace):
    ran = millrace("env-check", "app:app")
    assert ran.returncode == 1
    assert ran.stderr.startswith("❌ Missing credentials:")
    for name in THERE:
        assert name in ran.stderr
    assert ran.stderr.count("Purpose: ") == ran.stderr.count("Obtain from: ") == len(THERE)
    assert "https://dashboard.stripe.com/apikeys" in ran.stderr
    assert ran.stderr.endswith("Please add these to your .env file and re-run.\n")


def test_with_all_credentials_the_check_passes_and_shows_none_of_them(millrace):
    ran = millrace("env-check", "app:app", **THERE)
    assert ran.returncode == 0, ran.stderr
    assert "✓ STRIPE_SECRET_KEY (env://STRIPE_SECRET_KEY)" in ran.stdout
    assert "1234567" not in ran.stdout + ran.stderr


def test_credentials_may_be_in_the_env_file_and_the_environment_goes_before_it(millrace, tmp_path):
    (tmp_path / ".env").write_text("STRIPE_SECRET_KEY=sk_test_file\nSTRIPE_WEBHOOK_SECRET=whsec_file\n")
    ran = millrace("env-check", "app:app", DEEPL_AUTH_KEY="somewhere", STRIPE_WEBHOOK_SECRET="")
    assert "STRIPE_SECRET_KEY (env" not in ran.stderr
    assert "STRIPE_WEBHOOK_SECRET (env" in ran.stderr


def test_the_example_file_is_what_the_command_prints(millrace):
    ran = millrace("env-example", "app:app")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (PROJECT / ".env.example").read_text(encoding="utf-8")


def test_the_example_file_has_every_secret_of_every_manifest_with_purpose_and_origin():
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    integrations = create_app("sqlite://").integrations
    manifests = [load_manifest(PROJECT / "integrations" / integration.name) for integration in integrations]
    assert len(manifests) >= 3
    for secret in (secret for manifest in manifests for secret in manifest.secrets):
        entry = f"# Purpose: {secret.purpose}\n# Obtain from: {secret.obtain}\n"
        assert re.search(re.escape(entry) + rf"(# )?{secret.name}=\n", example), secret.name


def test_the_example_file_holds_no_value_that_could_be_a_secret():
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    assert not re.findall(r"^\w+=.+$", example, re.MULTILINE)
