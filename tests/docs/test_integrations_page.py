"""The pages about integrations are what their generator, and the files that they show, have it."""

from dataclasses import replace
from pathlib import Path

import pytest

from framework.catalog import discover
from framework.cli.integrations_page import EVIDENCE, NoSubjects, integrations_page
from framework.testing.contract import CASES
from framework.testing.contract.cases import ExemptInVain, Unexplained, exemption
from framework.testing.contract.suite import JUDGED
from tests.integrations.openai.subject import OPENAI
from tests.integrations.pigeon.subject import PIGEON
from tests.integrations.stripe.subject import STRIPE
from tests.integrations.subjects import SUBJECTS

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "tests.integrations.subjects:SUBJECTS"


def test_the_page_is_what_the_generator_prints() -> None:
    written = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    assert written == integrations_page(ADDRESS, ROOT / EVIDENCE), (
        f"Run: millrace integrations-page {ADDRESS} > docs/integrations.md"
    )


def test_every_integration_is_on_the_page() -> None:
    folders = {path.parent.name for path in (ROOT / "integrations").glob("*/manifest.toml")}
    assert {subject.name for subject in SUBJECTS} == folders


def test_every_plugin_of_the_catalog_is_on_the_page_with_who_judged_it() -> None:
    page = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(): row for row in page.splitlines() if row.startswith("| `")}
    plugins = list(discover())
    assert len(plugins) == 8
    for plugin in plugins:
        row = rows[f"`{plugin.provider}`"]
        assert all(judge in row for judge in plugin.judged_by)
        assert ("doubles alone" in row) is not bool(plugin.judged_by)


def test_every_case_has_a_test() -> None:
    assert set(JUDGED.values()) == set(CASES)


def test_the_page_of_the_contract_shows_the_subject_as_it_is() -> None:
    shown = (ROOT / "tests" / "integrations" / "pigeon" / "subject.py").read_text(encoding="utf-8")
    assert f"```python\n{shown}```" in (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")


def test_an_address_without_subjects_is_refused() -> None:
    with pytest.raises(NoSubjects, match=r"names no sequence of subjects"):
        integrations_page("tests.integrations.subjects:NOBODY", ROOT)


def test_a_case_that_cannot_apply_needs_a_reason() -> None:
    conflicts = next(case for case in CASES if case.name == "conflicts")
    mute = replace(PIGEON, contradicted=None)
    with mute.configured() as (integration, handlers):
        with pytest.raises(Unexplained, match="contradicting_webhooks"):
            exemption(conflicts, mute, integration, handlers)


def test_a_reason_for_what_is_there_is_refused() -> None:
    conflicts = next(case for case in CASES if case.name == "conflicts")
    able = replace(OPENAI, contradicted=STRIPE.contradicted)
    with able.configured() as (integration, handlers):
        with pytest.raises(ExemptInVain, match="contradicting_webhooks"):
            exemption(conflicts, able, integration, handlers)
