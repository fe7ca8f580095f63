"""What a deployment may choose about S3."""

from typing import Any

import pytest
from pydantic import ValidationError

from framework.errors import DeclarationError
from framework.integration.integration import InvalidSettings
from integrations.s3 import S3Settings
from integrations.s3.signing import Credentials
from tests.integrations.s3.conftest import KEYS


def settings(**chosen: Any) -> S3Settings:
    return S3Settings(**chosen)


def test_region_and_bucket_lead_to_the_address() -> None:
    read = settings()
    assert read.base_url == "https://s3.eu-west-1.amazonaws.com"
    assert read.bucket.url("k") == "https://uploads.s3.eu-west-1.amazonaws.com/k"
    assert read.signer().credentials == KEYS


@pytest.mark.parametrize("name", ["S3_BASE_URL", "S3_ENDPOINT"])
def test_another_storage_has_its_buckets_in_the_path(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9000")
    assert settings().bucket.url("k") == "http://127.0.0.1:9000/uploads/k"


def test_addressing_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ADDRESSING", "path")
    assert settings().bucket.url("k") == "https://s3.eu-west-1.amazonaws.com/uploads/k"
    monkeypatch.setenv("S3_ADDRESSING", "virtual")
    assert settings(base_url="https://storage.example").bucket.url("k") == "https://uploads.storage.example/k"


def test_a_name_with_dots_stays_in_the_path() -> None:
    assert settings(bucket_name="my.uploads").bucket.virtual is False


def test_temporary_credentials_are_read_with_their_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    assert settings().signer().credentials == Credentials(KEYS.access_key, KEYS.secret_key, "a-token")


def test_a_region_of_the_sdks_own_variable_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert settings().region == "ap-south-1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("S3_BUCKET_NAME", "Up"),
        ("S3_BUCKET_NAME", "up/loads"),
        ("S3_LINK_SECONDS", "0"),
        ("S3_LINK_SECONDS", "604801"),
        ("S3_KEY_PREFIX", "../"),
        ("S3_KEY_PREFIX", "no-slash"),
        ("S3_LARGEST_UPLOAD", "6000000000"),
    ],
)
def test_what_s3_would_refuse_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        settings()


def test_a_missing_bucket_is_named_when_the_app_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    from integrations.s3 import create_s3_integration
    from tests.integrations.s3.test_s3_integration import PhotoUpload

    monkeypatch.delenv("S3_BUCKET_NAME")
    with pytest.raises(InvalidSettings, match="bucket_name: Field required"):
        create_s3_integration(PhotoUpload).configure()


def test_a_secret_in_the_settings_is_refused_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY_REF", KEYS.secret_key)
    with pytest.raises(DeclarationError) as refused:
        settings()
    assert KEYS.secret_key not in str(refused.value)


def test_settings_show_no_secret() -> None:
    assert KEYS.secret_key not in repr(settings())
