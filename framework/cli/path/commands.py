"""What of `millrace` leads to an integration: `module`, `integration`, `status`, `env`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from framework.cli.path import live, module, new, status
from framework.cli.path.check import Checked
from framework.cli.path.check import check as judged
from framework.cli.path.check import lint as linted
from framework.cli.path.errors import NoModule
from framework.cli.path.listing import listed
from framework.cli.path.new import Shape, Wanted
from framework.cli.path.project import Project
from framework.cli.path.tests import Ran

STOP = 2
"""The exit status of whoever has to ask a person which module is meant."""

integration = typer.Typer(help="Make, check and list integrations.", no_args_is_help=True)
progress = typer.Typer(help="Keep the status file of the current module.", no_args_is_help=True)
env = typer.Typer(help="What the environment has to hold.", no_args_is_help=True)

Module = Annotated[str | None, typer.Option("--module", help="The module, if not the current one.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The integration, such as stripe.")]
Task = Annotated[str, typer.Argument(metavar="TASK", help="4, or 4.1 to 4.5.")]


def register(millrace: typer.Typer, env_check: Callable[..., Any]) -> None:
    """Put these commands under `millrace`; `env check` is what `env-check` is."""
    millrace.command("module")(choose_module)
    millrace.add_typer(integration, name="integration")
    millrace.add_typer(progress, name="status")
    env.command("check")(env_check)
    millrace.add_typer(env, name="env")


def choose_module(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The module to work on from now on.")
    ] = None,
) -> None:
    """Say which module is being worked on, or choose one; exit 2 where none is."""
    if name is not None:
        module.choose(here(), name)
    typer.echo(_module(None))


@integration.command("new")
def make(
    name: Name,
    shape: Annotated[Shape, typer.Option(help="How the outcome comes home.")],
    for_module: Module = None,
    title: Annotated[
        str, typer.Option(help="The vendor as people call it; made of the name if left out.")
    ] = "",
) -> None:
    """Write a complete integration: folder, sandbox, tests, design document."""
    project = here()
    wanted = Wanted(name=name, shape=shape, module=_module(for_module), title=title)
    for path in new.create(project, wanted):
        typer.echo(project.short(path))
    typer.echo(f"Next: millrace integration check {name}")


@integration.command("check")
def check(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The integrations, such as stripe.")],
    lint_only: Annotated[bool, typer.Option("--lint", help="Run no tests.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail while something is to be filled in.")
    ] = False,
    real: Annotated[
        bool, typer.Option("--live", help="Ask the real vendor, and keep what came of it.")
    ] = False,
) -> None:
    """Judge folder, manifest and design document, and run the tests; exit 1 unless all is green."""
    project = here()
    if real:
        proven = [_prove(project, project.existing(name).name) for name in names]
        sys.exit(0 if all(proven) else 1)
    checked = linted(project, *names) if lint_only else judged(project, *names)
    green = _show(checked) and not (strict and checked.open)
    typer.echo(f"{', '.join(names)}: {'green' if green else 'not green'}.")
    sys.exit(0 if green else 1)


@integration.command("list")
def list_all() -> None:
    """List all integrations: shape, hosts, quality, and the credentials that are missing."""
    for one in listed(here()):
        missing = (
            f"missing: {', '.join(lack.name for lack in one.missing)}"
            if one.missing
            else "nothing is missing"
        )
        typer.echo(f"{one.name:<10} {one.shape:<9} {one.quality:<9} {one.hosts}; {missing}")


@progress.command("show")
def show(for_module: Module = None) -> None:
    """Say how far the module is, and what comes next."""
    project, name = here(), _module(for_module)
    found = status.read(project, name)
    typer.echo(f"{name}: {found or 'nothing has begun'}. Next: {status.next_step(found)}")


@progress.command("start")
def start(
    task: Task,
    for_module: Module = None,
    again: Annotated[bool, typer.Option("--again", help="Go back to a task that was done.")] = False,
) -> None:
    """Begin a task of the current module."""
    _say(status.start(here(), _module(for_module), task, again=again))


@progress.command("finish")
def finish(task: Task, for_module: Module = None) -> None:
    """End a task of the current module, if its evidence is there."""
    _say(status.finish(here(), _module(for_module), task))


def here() -> Project:
    """The project in the working directory."""
    return Project(Path(os.getcwd()))


def _module(asked: str | None) -> str:
    """The module that is meant; ends the command where a person has to be asked."""
    if asked is not None:
        return asked
    with _stopping():
        return module.current(here())


@contextmanager
def _stopping() -> Iterator[None]:
    try:
        yield
    except NoModule as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(STOP) from error


def _say(now: status.Status) -> None:
    after = status.next_step(now)
    if now.integration_complete:
        typer.echo(f"{now.module}: {now}. All is ready; wait for what is wanted next.")
    else:
        typer.echo(f"{now.module}: {now}. Next: {after}")


def _prove(project: Project, name: str) -> bool:
    """Ask the real vendor, and say where the evidence is."""
    green = _show_tests(live.prove(project, name, datetime.now(UTC)))
    typer.echo(f"Written to {project.short(project.live_evidence(name))}.")
    return green and not list(live.lacking(project, name))


def _show(checked: Checked) -> bool:
    for finding in checked.problems:
        typer.secho(str(finding), fg=typer.colors.RED)
    for finding in checked.open:
        typer.secho(f"{finding} (for a person to fill in)", fg=typer.colors.YELLOW)
    return (checked.ran is None or _show_tests(checked.ran)) and checked.green


def _show_tests(ran: Ran) -> bool:
    if not ran.green:
        typer.echo(ran.said)
    typer.echo(f"Tests: {ran}.")
    return ran.green
