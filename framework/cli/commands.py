"""What can be typed after `millrace`; each command is carried out by a module of its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

import anyio
import typer

from framework.app import App
from framework.cli import credentials, inspection, loading, migrating, path
from framework.cli.application import load, load_environment
from framework.cli.demo import Demo, demonstrate
from framework.cli.integrations_page import EVIDENCE, integrations_page
from framework.cli.place import DATABASE, Place
from framework.cli.running import carry_out, serve
from framework.cli.sandboxes import serve_sandboxes
from framework.errors import MillraceError
from framework.tenancy import WithoutTenancy, within

INTERRUPTED = 130

millrace = typer.Typer(
    help="Declare what your data is; it is kept true, also where other people's APIs are needed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Application = Annotated[str, typer.Argument(metavar="APP", help="The App as module:name, such as app:app.")]
Database = Annotated[
    str | None, typer.Option(envvar="DATABASE_URL", help="The database, if not the App's own.")
]
Tenant = Annotated[
    str | None,
    typer.Option(envvar="MILLRACE_TENANT", help="The tenant that is meant, where there are tenants."),
]
Host = Annotated[str, typer.Option(help="The address to listen on.")]


def main() -> None:
    """Run the command; errors that say what to do are shown without a traceback."""
    load_environment()
    try:
        millrace()
    except MillraceError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@contextmanager
def opened_for(address: str, database: str | None, tenant: str | None) -> Iterator[App]:
    """The App, with the tenant entered that is meant; raises WithoutTenancy where there are none."""
    loaded = load(address, database)
    if tenant is not None and not loaded.is_tenanted:
        raise WithoutTenancy()
    with within(tenant):
        yield loaded


@millrace.command()
def demo(
    app: Application,
    faults: Annotated[bool, typer.Option("--faults", help="Let the vendors misbehave.")] = False,
    samples: Annotated[Path | None, typer.Option(help="A folder of JSON lines to begin with.")] = None,
    database: Annotated[str, typer.Option(help="Where to keep what happens.")] = DATABASE,
    fresh: Annotated[bool, typer.Option("--fresh/--keep", help="Start anew, or go on.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where webhooks arrive; 0: a free port.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds after which open calls are given up.")] = 180,
) -> None:
    """Run the App on samples, with sandboxes for all vendors whose credentials are missing."""
    asked = Demo(
        address=app,
        place=Place(database),
        samples=samples,
        faulty=faults,
        fresh=fresh,
        port=port,
        patience=timeout,
    )
    try:
        sys.exit(anyio.run(demonstrate, asked))
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted. The same command goes on from {database}.", err=True)
        sys.exit(INTERRUPTED)


@millrace.command()
def sandboxes(
    app: Application,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8900,
    faults: Annotated[bool, typer.Option("--faults", help="Let them misbehave.")] = False,
    books: Annotated[Path | None, typer.Option(help="A file in which they remember.")] = None,
    while_input_is_open: Annotated[bool, typer.Option("--while-input-is-open", hidden=True)] = False,
) -> None:
    """Serve the vendors' sandboxes, and print where they are and how to reach them, as JSON lines."""
    loaded = load(app)
    anyio.run(
        lambda: serve_sandboxes(
            loaded, host=host, port=port, faulty=faults, books=books, while_input_is_open=while_input_is_open
        )
    )


@millrace.command()
def run(
    app: Application,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8000,
    web_only: Annotated[bool, typer.Option("--web-only", help="Leave calls to `millrace work`.")] = False,
    database: Database = None,
) -> None:
    """Take webhooks and carry out calls until interrupted."""
    serve(load(app, database), host=host, port=port, web_only=web_only)


@millrace.command()
def work(app: Application, database: Database = None) -> None:
    """Carry out calls until interrupted; on PostgreSQL in as many processes as you like."""
    anyio.run(carry_out, load(app, database))


@millrace.command(name="load")
def load_rows(
    app: Application,
    model: Annotated[str, typer.Argument(metavar="CLASS", help="An entity or an event, by its name.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="One JSON object a line: facts.")],
    batch: Annotated[int, typer.Option(min=1, help="So many rows in each transaction.")] = 10_000,
    skip: Annotated[int, typer.Option(min=0, help="Leave out the first rows, which are stored.")] = 0,
    database: Database = None,
    tenant: Tenant = None,
) -> None:
    """Store many facts of one class, with all that follows from them."""
    with opened_for(app, database, tenant) as loaded:
        stored = loading.load(loaded, model, file, batch=batch, skip=skip)
    typer.echo(f"{stored:,} rows of {model} are stored, with all that follows from them.")


@millrace.command()
def verify(app: Application, database: Database = None, tenant: Tenant = None) -> None:
    """Recompute everything from the facts; exit 1 if anything differs. With tenants: of one, or of all."""
    with opened_for(app, database, tenant) as loaded:
        sys.exit(inspection.verify(loaded))


@millrace.command()
def tenants(
    app: Application,
    name: Annotated[str | None, typer.Argument(help="A tenant to make, if it is not there.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it, with all that is its own.")] = False,
    abandon_calls: Annotated[
        bool, typer.Option("--abandon-calls", help="Also if calls of it are not over.")
    ] = False,
    database: Database = None,
) -> None:
    """List the tenants, make one, or delete one with all its records."""
    loaded = load(app, database)
    if delete:
        if name is None:
            raise typer.BadParameter("Say which tenant to delete.")
        typer.echo(inspection.departed(loaded, name, abandon_calls=abandon_calls))
    else:
        typer.echo(inspection.tenants(loaded, name))


@millrace.command()
def migrate(
    app: Application,
    apply: Annotated[bool, typer.Option("--apply", help="Carry it out.")] = False,
    allow_loss: Annotated[bool, typer.Option("--allow-loss", help="Let facts go that are gone.")] = False,
    fill: Annotated[
        list[str] | None, typer.Option(help="What records get that have no value: Order.email=unknown.")
    ] = None,
    acting: Annotated[
        list[str] | None, typer.Option(help="A rule that makes calls and events for old records too.")
    ] = None,
    database: Database = None,
) -> None:
    """Show how the database differs from what the App declares, and bring it there with --apply.

    Exit 0 if nothing is left to do, 1 if something differs afterwards, 2 if there is something to do, 3 if it
    cannot be done.
    """
    loaded = load(app, database)
    sys.exit(
        migrating.migrate(loaded, apply=apply, allow_loss=allow_loss, fill=fill or [], acting=acting or [])
    )


@millrace.command()
def graph(
    app: Application,
    model: Annotated[str | None, typer.Argument(help="A class, to draw one of its machines.")] = None,
    property: Annotated[str | None, typer.Argument(help="The property that is the machine.")] = None,
    counts: Annotated[bool, typer.Option("--counts", help="Say how many records each class has.")] = False,
    database: Database = None,
    tenant: Tenant = None,
) -> None:
    """Draw the plan, or one state machine, as a Mermaid diagram."""
    with opened_for(app, database, tenant) as loaded:
        typer.echo(inspection.graph(loaded, model, property, counts=counts))


@millrace.command()
def explain(
    app: Application,
    model: str,
    id: Annotated[str, typer.Argument(help="Of the record; a Global has none.")],
    property: Annotated[str | None, typer.Argument()] = None,
    depth: Annotated[int, typer.Option(help="Explain the inputs too, so far back.")] = 1,
    database: Database = None,
    tenant: Tenant = None,
) -> None:
    """Say why a property of a record has its value."""
    one, name = (None, id) if property is None else (id, property)
    with opened_for(app, database, tenant) as loaded:
        typer.echo(inspection.explain(loaded, model, one, name, depth))


@millrace.command()
def unmatched(app: Application, database: Database = None, tenant: Tenant = None) -> None:
    """Count what reached state machines and no transition took, by state and trigger."""
    with opened_for(app, database, tenant) as loaded:
        typer.echo(inspection.unmatched(loaded))


@millrace.command()
def dead(app: Application, database: Database = None, tenant: Tenant = None) -> None:
    """List the calls that were given up, and the events that wait for a call nobody knows."""
    with opened_for(app, database, tenant) as loaded:
        typer.echo(inspection.dead(loaded))


@millrace.command()
def replay(app: Application, call_id: UUID, database: Database = None, tenant: Tenant = None) -> None:
    """Try a dead call again."""
    with opened_for(app, database, tenant) as loaded:
        typer.echo(inspection.replay(loaded, call_id))


@millrace.command()
def env_check(app: Application) -> None:
    """Name all credentials that are missing, with their purpose and where to obtain them."""
    for credential in credentials.checked(load(app)):
        typer.echo(f"{'✓' if credential.present else '-'} {credential.name} ({credential.reference})")


@millrace.command()
def env_example(app: Application) -> None:
    """Print a .env file with all variables that the App reads."""
    typer.echo(credentials.example(load(app)), nl=False)


path.register(millrace, env_check)


@millrace.command("integrations-page")
def integrations_page_command(
    subjects: Annotated[str, typer.Argument(metavar="SUBJECTS", help="Where they are, as module:name.")],
    evidence: Annotated[Path, typer.Option(help="Where live tests leave their evidence.")] = EVIDENCE,
) -> None:
    """Print the page of all integrations: what they do, need, keep, and are judged by."""
    typer.echo(integrations_page(subjects, evidence), nl=False)
