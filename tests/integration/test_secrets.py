"""Secrets by reference."""

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from framework.errors import NeedsAttention
from framework.integration import AuthRef, Credential, MissingCredentials, resolve
from framework.integration.secrets import (
    BadReference,
    LiteralSecret,
    UnsupportedReference,
    is_present,
    require,
)
from framework.observe import redactor

LITERAL = "sk_live_51Hdoesnotbelonghere"


class Settings(BaseSettings):
    secret_key: AuthRef = AuthRef("env://VENDOR_SECRET_KEY")


def test_a_secret_is_read_from_the_environment() -> None:
    assert (
        resolve("env://VENDOR_KEY", {"VENDOR_KEY": "from-environment"}).get_secret_value()
        == "from-environment"
    )


def test_a_secret_is_read_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-a-file\n")
    assert resolve(AuthRef(f"file://{file}")).get_secret_value() == "from-a-file"


def test_a_changed_secret_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_KEY", "first-value")
    assert resolve("env://VENDOR_KEY").get_secret_value() == "first-value"
    monkeypatch.setenv("VENDOR_KEY", "second-value")
    assert resolve("env://VENDOR_KEY").get_secret_value() == "second-value"


def test_a_resolved_secret_is_masked_from_then_on_and_so_is_each_of_a_list() -> None:
    resolve("env://VENDOR_KEY", {"VENDOR_KEY": "old-whsec-1234, new-whsec-5678"})
    assert redactor.text("signed with old-whsec-1234 or new-whsec-5678") == "signed with *** or ***"


@pytest.mark.parametrize("environ", [{}, {"VENDOR_KEY": ""}, {"VENDOR_KEY": "  \n"}])
def test_a_secret_that_is_not_there_needs_attention(environ: dict[str, str]) -> None:
    with pytest.raises(MissingCredentials, match="VENDOR_KEY") as caught:
        resolve("env://VENDOR_KEY", environ)
    assert isinstance(caught.value, NeedsAttention)
    assert caught.value.code == "missing_credentials"


def test_a_missing_file_is_a_missing_secret(tmp_path: Path) -> None:
    reference = AuthRef(f"file://{tmp_path}/absent")
    assert not is_present(reference)
    with pytest.raises(MissingCredentials, match="absent"):
        resolve(reference)


def test_what_cannot_be_read_is_said_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(MissingCredentials, match="Is a directory"):
        resolve(AuthRef(f"file://{tmp_path}"))


@pytest.mark.parametrize("value", [LITERAL, "", f"Bearer {LITERAL}", f"{LITERAL}://x"])
def test_a_literal_secret_in_the_settings_is_refused_and_not_repeated(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", value)
    with pytest.raises(LiteralSecret, match="secret_key") as caught:
        Settings()
    assert LITERAL not in str(caught.value)


def test_a_vault_is_refused_until_it_is_supported() -> None:
    with pytest.raises(UnsupportedReference, match="vault://, which is not supported yet"):
        AuthRef("vault://kv/stripe")


@pytest.mark.parametrize(
    "reference", ["env://", "env://NOT-A-NAME", "file://relative/path", "file://", "file:///"]
)
def test_a_reference_to_nothing_is_refused(reference: str) -> None:
    with pytest.raises(BadReference, match="names nothing"):
        AuthRef(reference)


def test_a_setting_refers_by_default_and_can_be_pointed_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().secret_key == "env://VENDOR_SECRET_KEY"
    monkeypatch.setenv("SECRET_KEY", "file:///run/secrets/vendor")
    assert Settings().secret_key.place == "/run/secrets/vendor"


def test_all_missing_credentials_are_listed_with_purpose_and_where_to_obtain_them() -> None:
    def credential(name: str, *, present: bool = False, optional: bool = False) -> Credential:
        reference = AuthRef(f"env://{name}")
        return Credential(name, f"to use {name}", f"console of {name}", reference, optional, present)

    with pytest.raises(MissingCredentials) as caught:
        require(
            [
                credential("A_KEY"),
                credential("B_KEY", present=True),
                credential("C_KEY"),
                credential("D", optional=True),
            ]
        )
    assert str(caught.value) == (
        "❌ Missing credentials:\n"
        "  A_KEY (env://A_KEY)\n    Purpose: to use A_KEY\n    Obtain from: console of A_KEY\n"
        "  C_KEY (env://C_KEY)\n    Purpose: to use C_KEY\n    Obtain from: console of C_KEY\n"
        "Please add these to your .env file and re-run."
    )


def test_nothing_is_raised_when_all_credentials_are_there() -> None:
    require([Credential("A", "p", "o", AuthRef("env://A"), present=True)])
