"""What is missing or forbidden is named with its file and its line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from framework.cli.path import check as checks
from framework.cli.path.finding import Finding
from framework.cli.path.listing import listed
from framework.cli.path.new import Shape, Wanted, create
from framework.cli.path.project import Project
from tests.cli.path.conftest import ROOT, Type

OURS = Project(ROOT)


@pytest.fixture
def parrot(project: Project) -> Project:
    create(project, Wanted(name="parrot", shape=Shape.WEBHOOK, module="zoo"))
    return project


def found(project: Project) -> list[str]:
    return [str(finding) for finding in checks.lint(project, "parrot").problems]


def edited(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), start=1) if text in line)


def test_a_new_integration_has_no_problem(parrot: Project) -> None:
    assert found(parrot) == []


@pytest.mark.parametrize("file", ["client.py", "README.md", "webhooks.py", "sandbox.py", "manifest.toml"])
def test_a_missing_file_is_named(parrot: Project, file: str) -> None:
    (parrot.folder("parrot") / file).unlink()
    if file == "manifest.toml":
        assert f"integrations/parrot/{file}:1: is missing" in found(parrot)
    else:
        assert found(parrot) == [f"integrations/parrot/{file}:1: is missing"]


@pytest.mark.parametrize(
    ("heading", "told"),
    [
        ("### Internal Data Errors", "the section `### Internal Data Errors` is missing here"),
        ("## Configuration Interface", "the section `## Configuration Interface` is missing here"),
        ("#### Phase 2: the integration carries it out", "the section `#### Phase 2` is missing here"),
    ],
)
def test_a_missing_section_is_named_where_it_should_be(parrot: Project, heading: str, told: str) -> None:
    document = parrot.design("zoo", "parrot")
    edited(document, lambda text: text.replace(f"{heading}\n", ""))
    problems = checks.lint(parrot, "parrot").problems
    assert [finding.what for finding in problems] == [told]
    assert 1 < problems[0].line < len(document.read_text().splitlines())


def test_an_api_without_its_errors_is_named_at_its_heading(parrot: Project) -> None:
    document = parrot.design("zoo", "parrot")
    edited(document, lambda text: text.replace("- **Errors**: as above\n", "", 1))
    line = line_of(document, "#### API 2")
    shown = Path("docs/zoo.parrot.integration-design.md")
    what = "`API 2: Retrieve a job` does not say `- **Errors**:`"
    assert checks.lint(parrot, "parrot").problems == (Finding(shown, line, what),)


def test_a_secret_that_the_document_does_not_list_is_named(parrot: Project) -> None:
    edited(parrot.design("zoo", "parrot"), lambda text: text.replace("| `PARROT_WEBHOOK_SECRET` |", "| it |"))
    [problem] = found(parrot)
    assert problem.endswith("the secret `PARROT_WEBHOOK_SECRET` of the manifest is not listed")


def test_a_heading_in_a_code_block_is_no_section(parrot: Project) -> None:
    edited(parrot.design("zoo", "parrot"), lambda text: text.replace("## Review\n", "```\n## Review\n```\n"))
    assert [problem.partition(": ")[2] for problem in found(parrot)] == [
        "the section `## Review` is missing here"
    ]


def test_a_mistake_in_the_manifest_is_named_with_its_line(parrot: Project) -> None:
    manifest = parrot.folder("parrot") / "manifest.toml"
    edited(manifest, lambda text: text.replace('level = "bronze"', 'level = "brass"'))
    [problem] = found(parrot)
    assert problem.startswith(
        f"integrations/parrot/manifest.toml:{line_of(manifest, 'brass')}: quality.level"
    )


def test_a_manifest_that_is_no_toml_is_named_with_its_line(parrot: Project) -> None:
    manifest = parrot.folder("parrot") / "manifest.toml"
    edited(manifest, lambda text: text.replace('api_version = "v1"', "api_version = v1"))
    assert f"integrations/parrot/manifest.toml:{line_of(manifest, 'api_version')}: " in found(parrot)[0]


@pytest.mark.parametrize(
    ("file", "imported", "told"),
    [
        ("mapping.py", "import business.orders", "imports business; take the call class in the factory"),
        (
            "errors.py",
            "from integrations.stripe import x",
            "imports another integration, integrations.stripe",
        ),
        ("client.py", "from framework import Payload", "imports framework; client.py is the vendor as it is"),
    ],
)
def test_a_forbidden_import_is_named(parrot: Project, file: str, imported: str, told: str) -> None:
    path = parrot.folder("parrot") / file
    edited(path, lambda text: f"{text}\n{imported}\n")
    assert found(parrot) == [f"integrations/parrot/{file}:{line_of(path, imported)}: {told}"]


def test_a_factory_of_another_name_is_missed(parrot: Project) -> None:
    edited(
        parrot.folder("parrot") / "__init__.py",
        lambda text: text.replace("def create_parrot_integration", "def create_bird"),
    )
    assert found(parrot) == ["integrations/parrot/__init__.py:1: has no function create_parrot_integration"]


def test_a_failing_test_makes_the_check_fail(parrot: Project, millrace: Type) -> None:
    tests = parrot.tests("parrot")
    for path in tests.glob("test_*.py"):
        path.unlink()
    (tests / "test_parrot_contract.py").write_text("def test_it() -> None:\n    assert 1 == 2\n")
    ran = millrace("integration check parrot")
    assert ran.exit_code == 1
    assert "Tests: 0 passed, 1 failed, 0 skipped." in ran.stdout
    assert "parrot: not green." in ran.stdout


def test_a_folder_without_a_running_test_is_not_green(parrot: Project, millrace: Type) -> None:
    for path in parrot.tests("parrot").glob("test_*.py"):
        path.write_text("")
    assert millrace("integration check parrot").exit_code == 1


def test_strictly_nothing_may_be_left_to_fill_in(parrot: Project, millrace: Type) -> None:
    assert millrace("integration check parrot --lint").exit_code == 0
    assert millrace("integration check parrot --lint --strict").exit_code == 1


def test_an_unknown_integration_is_refused_with_the_names_of_the_known(
    parrot: Project, millrace: Type
) -> None:
    ran = millrace("integration check parot")
    assert ran.exit_code == 1
    assert str(ran.exception) == "There is no integration 'parot' in integrations. There are: parrot."


# Those of this project.


@pytest.mark.parametrize("name", OURS.names())
def test_our_own_folders_and_documents_are_without_problems(name: str) -> None:
    checked = checks.lint(OURS, name)
    assert [str(finding) for finding in checked.problems] == []
    assert [str(finding) for finding in checked.open] == []


def test_our_own_are_listed_with_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPL_AUTH_KEY", raising=False)
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_1")
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET", raising=False)
    ours = {one.name: one for one in listed(OURS)}
    assert ours.keys() >= {"deepl", "github", "openai", "s3", "slack", "stripe", "volctts"}
    assert (ours["deepl"].shape, ours["stripe"].shape, ours["volctts"].shape, ours["s3"].shape) == tuple(
        Shape(shape) for shape in ("sync", "webhook", "poll", "frontend")
    )
    assert ours["deepl"].hosts == "api.deepl.com, api-free.deepl.com"
    assert [lack.name for lack in ours["deepl"].missing] == ["DEEPL_AUTH_KEY"]
    assert [lack.name for lack in ours["stripe"].missing] == ["STRIPE_WEBHOOK_SECRET"]
