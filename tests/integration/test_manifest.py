"""Manifests."""

from pathlib import Path

import pytest

from framework.integration import load_manifest
from framework.integration.manifest import InvalidManifest, MissingManifest, Secret

WHOLE = """
title = "Acme"
api_version = "2026-01-01"
hosts = ["api.acme.example", "*.files.acme.example", "{base_url}"]
completes_by = ["webhook", "poll"]
in_doubt = "recover"

[[secrets]]
name = "ACME_KEY"
purpose = "Authenticates every request."
obtain = "https://acme.example/keys"

[limits]
requests_per_second = 10

[quality]
level = "silver"
[quality.rules]
webhooks = "done"
reconcile = { status = "exempt", reason = "Acme keeps no list." }
"""


def written(folder: Path, text: str) -> Path:
    (folder / "manifest.toml").write_text(text)
    return folder


def test_a_manifest_is_read_without_importing_the_integration(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("raise RuntimeError('imported')")
    manifest = load_manifest(written(tmp_path, WHOLE))
    assert manifest.title == "Acme"
    assert manifest.hosts == ("api.acme.example", "*.files.acme.example", "{base_url}")
    assert manifest.completes_by == ("webhook", "poll")
    assert manifest.secrets == (
        Secret(name="ACME_KEY", purpose="Authenticates every request.", obtain="https://acme.example/keys"),
    )
    assert manifest.limits == {"requests_per_second": 10}
    assert manifest.quality is not None
    assert manifest.quality.rules["webhooks"].status == "done"
    assert manifest.quality.rules["reconcile"].reason == "Acme keeps no list."


def test_one_way_of_completing_needs_no_list(tmp_path: Path) -> None:
    text = WHOLE.replace('["webhook", "poll"]', '"call"')
    assert load_manifest(written(tmp_path, text)).completes_by == ("call",)


def test_a_missing_manifest_is_said_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(MissingManifest, match=r"manifest\.toml"):
        load_manifest(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('title = "Acme"', "", "title: Field required"),
        ("api.acme.example", "https://api.acme.example", "hosts: .*no host name"),
        ("api.acme.example", "*", "hosts: .*no host name"),
        ('"webhook"', '"pigeon"', r"completes_by\[0\]"),
        ('purpose = "Authenticates every request."', "", r"secrets\[0\].purpose"),
        ("reason = ", "because = ", r"quality.rules.reconcile"),
        (', reason = "Acme keeps no list."', "", "exempt rule gives its reason"),
        ("api_version", "api_verison", "api_verison: Extra inputs"),
        ("title = ", "title ", "Expected '='"),
    ],
)
def test_a_mistake_is_said_with_file_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in WHOLE
    with pytest.raises(InvalidManifest, match=key) as caught:
        load_manifest(written(tmp_path, WHOLE.replace(old, new)))
    assert str(tmp_path / "manifest.toml") in str(caught.value)


def test_two_secrets_of_one_name_are_refused(tmp_path: Path) -> None:
    again = WHOLE.replace("[limits]", '[[secrets]]\nname = "ACME_KEY"\npurpose = "p"\nobtain = "o"\n[limits]')
    with pytest.raises(InvalidManifest, match="two secrets have the same name"):
        load_manifest(written(tmp_path, again))
