"""Which module is worked on is said, or asked for; it is never guessed."""

import pytest

from framework.cli.path.project import Project
from tests.cli.path.conftest import Type


@pytest.mark.parametrize("line", ["module", "status start 4", "integration new parrot --shape sync"])
def test_without_a_module_everything_stops_and_asks(millrace: Type, project: Project, line: str) -> None:
    ran = millrace(line)
    assert ran.exit_code == 2
    assert ran.stderr.startswith("STOP: there is no .currentmodule")
    assert list(project.root.iterdir()) == []


def test_a_chosen_module_stays_the_current_one(millrace: Type, project: Project) -> None:
    assert millrace("module parcels").exit_code == 0
    assert project.current_module.read_text() == "parcels\n"
    assert millrace("module").stdout == "parcels\n"


def test_an_empty_file_names_no_module(millrace: Type, project: Project) -> None:
    project.current_module.write_text("\n")
    assert millrace("module").exit_code == 2


@pytest.mark.parametrize("name", ["Parcels", "../parcels", "two-words"])
def test_a_name_that_cannot_be_part_of_a_file_name_is_refused(
    millrace: Type, project: Project, name: str
) -> None:
    ran = millrace(f"module {name}")
    assert ran.exit_code == 1
    assert "cannot name a module" in str(ran.exception)
    assert not project.current_module.exists()
