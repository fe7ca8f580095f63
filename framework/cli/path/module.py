"""`millrace module`: which module is being worked on."""

from framework.cli.path.errors import NoModule
from framework.cli.path.files import write_whole
from framework.cli.path.project import Project, named


def current(project: Project) -> str:
    """The module that `.currentmodule` names. Raises NoModule where nothing does."""
    try:
        written = project.current_module.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise NoModule(path=project.short(project.current_module)) from error
    if not written:
        raise NoModule(path=f"name in {project.short(project.current_module)}")
    return named(written, "module")


def choose(project: Project, name: str) -> str:
    """Work on this module from now on."""
    write_whole(project.current_module, f"{named(name, 'module')}\n")
    return name
