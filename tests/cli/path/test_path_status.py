"""A status file says what was proven, in the order in which it must be."""

import json
from datetime import UTC, datetime

import pytest

from framework.cli.path import live, status
from framework.cli.path.errors import MissingEvidence, UnreadableStatus, WrongOrder
from framework.cli.path.new import Shape, Wanted, create
from framework.cli.path.project import Project
from tests.cli.path.conftest import ROOT, Type


@pytest.fixture
def zoo(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A module whose one integration waits for nobody, apart from its evidence."""
    create(project, Wanted(name="parrot", shape=Shape.SYNC, module="zoo"))
    project.current_module.write_text("zoo\n")
    monkeypatch.delenv("PARROT_API_KEY", raising=False)
    return project


def fill_in(project: Project) -> None:
    """What a person would do."""
    for path in [
        *project.folder("parrot").iterdir(),
        *project.tests("parrot").iterdir(),
        project.design("zoo", "parrot"),
    ]:
        if path.is_file():
            path.write_text(path.read_text().replace("FILL IN", "Known"))


def at(project: Project, task: str, *, completed: bool) -> None:
    """A file as the commands leave it."""
    told = {"module": "zoo", "currentTask": f"Task {task}", "completed": completed}
    project.status("zoo").write_text(json.dumps(told, indent=2) + "\n")


def written(project: Project) -> object:
    return json.loads(project.status("zoo").read_text())


def test_a_start_writes_what_is_under_way(zoo: Project, millrace: Type) -> None:
    assert millrace("status start 4").stdout == "zoo: Task 4 is under way. Next: millrace status start 4.1\n"
    assert written(zoo) == {"module": "zoo", "currentTask": "Task 4", "completed": False}


@pytest.mark.parametrize(
    ("now", "completed", "command"),
    [
        ("4", False, "start 4.2"),
        ("4.1", False, "start 4.2"),
        ("4.1", True, "start 4.3"),
        ("4.1", True, "finish 4.1"),
        ("4.2", True, "start 4.1"),
        ("4.3", False, "finish 4.4"),
        ("4.4", True, "finish 4"),
        ("4.4", False, "start 4"),
    ],
)
def test_the_wrong_order_is_refused_and_changes_nothing(
    zoo: Project, millrace: Type, now: str, completed: bool, command: str
) -> None:
    at(zoo, now, completed=completed)
    before = zoo.status("zoo").read_bytes()
    ran = millrace(f"status {command}")
    assert ran.exit_code == 1
    assert isinstance(ran.exception, WrongOrder)
    assert zoo.status("zoo").read_bytes() == before


def test_one_may_go_back_on_purpose(zoo: Project, millrace: Type) -> None:
    at(zoo, "4.4", completed=True)
    assert millrace("status start 4.2 --again").exit_code == 0
    assert written(zoo) == {"module": "zoo", "currentTask": "Task 4.2", "completed": False}
    assert millrace("status start 4.5 --again").exit_code == 1


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("4.1", "PARROT_API_KEY is missing. Purpose: Authenticates every request."),
        ("4.2", "docs/zoo.parrot.integration-design.md:5: "),
        ("4.3", "docs/evidence/parrot.json is missing: nothing of parrot has reached the real vendor."),
        ("4.4", "integrations/parrot/manifest.toml:3: "),
    ],
)
def test_without_evidence_nothing_ends(zoo: Project, task: str, told: str) -> None:
    at(zoo, task, completed=False)
    with pytest.raises(MissingEvidence) as refused:
        status.finish(zoo, "zoo", task)
    assert told in str(refused.value)
    assert written(zoo) == {"module": "zoo", "currentTask": f"Task {task}", "completed": False}


def test_a_module_without_an_integration_proves_nothing(project: Project) -> None:
    status.start(project, "zoo", "4")
    status.start(project, "zoo", "4.1")
    with pytest.raises(MissingEvidence, match="zoo has no integration"):
        status.finish(project, "zoo", "4.1")


def test_a_red_test_keeps_task_4_5_open(zoo: Project) -> None:
    fill_in(zoo)
    for path in zoo.tests("parrot").glob("test_*.py"):
        path.unlink()
    (zoo.tests("parrot") / "test_parrot_contract.py").write_text("def test_it() -> None:\n    assert False\n")
    at(zoo, "4.5", completed=False)
    with pytest.raises(MissingEvidence, match="the tests of parrot: 0 passed, 1 failed"):
        status.finish(zoo, "zoo", "4.5")


def test_live_tests_without_a_key_are_no_evidence(zoo: Project) -> None:
    (zoo.tests("parrot") / "test_parrot_live.py").write_text(
        "import pytest\n\npytestmark = pytest.mark.live\n\n\n"
        "def test_one() -> None:\n    pass\n\n\ndef test_two() -> None:\n    pytest.skip('no key')\n"
    )
    ran = live.prove(zoo, "parrot", datetime.now(UTC))
    assert (ran.passed, ran.skipped) == (1, 1)
    [problem] = live.lacking(zoo, "parrot")
    assert "1 passed, 0 failed, 1 skipped; all must pass, and none may be skipped" in problem


def test_evidence_about_another_client_is_none(zoo: Project) -> None:
    evidence = live.Evidence(
        integration="parrot",
        ran_at=datetime.now(UTC),
        passed=("test_it",),
        failed=0,
        skipped=0,
        digest=live.digest(zoo, "parrot"),
    )
    live.write(zoo.live_evidence("parrot"), evidence)
    assert list(live.lacking(zoo, "parrot")) == []
    client = zoo.folder("parrot") / "client.py"
    client.write_text(client.read_text() + "\n# changed\n")
    [problem] = live.lacking(zoo, "parrot")
    assert "is about other code" in problem


def test_the_whole_path_ends_with_the_five_items(
    zoo: Project, millrace: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_in(zoo)
    monkeypatch.setenv("PARROT_API_KEY", "key")
    (zoo.tests("parrot") / "test_parrot_live.py").write_text(
        "import pytest\n\n\n@pytest.mark.live\ndef test_one() -> None:\n    pass\n"
    )
    for path in zoo.tests("parrot").glob("test_*_integration.py"):
        path.unlink()
    assert millrace("status start 4").exit_code == 0
    for task in status.STEPS:
        assert millrace(f"status start {task}").exit_code == 0
        if task == "4.3":
            assert millrace("integration check parrot --live").exit_code == 0
        ran = millrace(f"status finish {task}")
        assert ran.exit_code == 0, str(ran.exception)
    assert millrace("status finish 4").stdout.endswith("All is ready; wait for what is wanted next.\n")
    assert written(zoo) == {
        "module": "zoo",
        "currentTask": "Task 4",
        "completed": True,
        "completedItems": list(status.COMPLETED_ITEMS),
        "integration_complete": True,
    }
    assert millrace("status start 4").exit_code == 0


NONSENSE = [
    ('{\n  "module": "zoo",\n  "currentTask": "Task 4.1"\n  "completed": true\n}', 4, "no JSON"),
    ('{\n  "module": "zoo",\n  "currentTask": "soon",\n  "completed": true\n}', 3, "currentTask"),
    ('{\n  "module": "zoo",\n  "currentTask": "Task 4.9",\n  "completed": true\n}', 3, "no Task 4.9"),
    ('{\n  "module": "zoo",\n  "currentTask": "Task 4.1",\n  "completed": "yes"\n}', 4, "completed"),
    (
        '{\n  "module": "farm",\n  "currentTask": "Task 4.1",\n  "completed": true\n}',
        2,
        "'farm' in the file of 'zoo'",
    ),
    (
        '{\n  "module": "zoo",\n  "currentTask": "Task 4",\n  "completed": true\n}',
        4,
        "`integration_complete`",
    ),
    (
        '{\n  "module": "zoo",\n  "currentTask": "Task 4.3",\n  "completed": false,\n'
        '  "integration_complete": true\n}',
        5,
        "has no place",
    ),
    ('{\n  "module": "zoo",\n  "currentTask": "Task 4",\n  "completed": false,\n  "mood": 1\n}', 5, "mood"),
    ("[]", 1, "no JSON object"),
]


@pytest.mark.parametrize(("text", "line", "told"), NONSENSE)
def test_nonsense_is_named_with_its_line(zoo: Project, text: str, line: int, told: str) -> None:
    zoo.status("zoo").write_text(text)
    with pytest.raises(UnreadableStatus) as refused:
        status.start(zoo, "zoo", "4")
    assert str(refused.value).startswith(f"docs/zoo.status.json:{line}: ")
    assert told in str(refused.value)
    assert zoo.status("zoo").read_text() == text


def test_a_file_of_an_earlier_stage_is_gone_on_from(zoo: Project) -> None:
    at(zoo, "3.1.4", completed=True)
    assert str(status.start(zoo, "zoo", "4")) == "Task 4 is under way"


def test_a_write_that_fails_leaves_the_file_as_it_was(zoo: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    at(zoo, "4", completed=False)
    before = zoo.status("zoo").read_bytes()

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        status.start(zoo, "zoo", "4.1")
    assert zoo.status("zoo").read_bytes() == before
    assert [path.name for path in zoo.docs.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("module", ["orders", "articles", "donations", "quality"])
def test_our_own_status_files_are_as_the_commands_write_them(module: str) -> None:
    ours = Project(ROOT)
    found = status.read(ours, module)
    assert found is not None
    assert ours.status(module).read_text() == found.model_dump_json(indent=2, exclude_none=True) + "\n"


def test_env_check_has_two_names(millrace: Type) -> None:
    assert millrace("env check").stderr.partition("Usage")[2] != ""
    assert "Name all credentials" in millrace("env check --help").stdout
    assert "Name all credentials" in millrace("env-check --help").stdout
