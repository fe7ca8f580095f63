"""`millrace verify`, `graph`, `explain`, `unmatched`, `dead` and `replay`: what an operator asks an App."""

from collections.abc import Iterable
from uuid import UUID

import typer

from framework.app import App
from framework.cli.errors import UnknownName
from framework.model.record import Record
from framework.runtime.asking import id_of
from framework.tenancy import within


def verify(app: App) -> int:
    """Print all differences from what the facts say; the exit status is 1 if there are some."""
    app.engine.database.check()
    found = 0
    for name in app.engine.reached():
        with within(name):
            differences = app.verify()
        for difference in differences:
            typer.echo(str(difference) if name is None else f"{name}: {difference}")
        found += len(differences)
    typer.echo(f"{found} differences" if found else "Everything is as the facts say.")
    return 1 if found else 0


def tenants(app: App, name: str | None) -> str:
    """All tenants, once there is one of this name, if one is given."""
    app.engine.database.check()
    if name is not None:
        app.create_tenant(name)
    return "\n".join(app.tenants()) or "There are no tenants yet."


def departed(app: App, name: str, *, abandon_calls: bool) -> str:
    """What went with a tenant that is deleted."""
    app.engine.database.check()
    removed = app.delete_tenant(name, abandon_calls=abandon_calls)
    went = ", ".join(f"{count} {model}" for model, count in removed.items())
    return f"{name} is gone, and with it {went or 'no record'}."


def graph(app: App, model: str | None, property: str | None, *, counts: bool) -> str:
    """The plan, or the machine at `model.property`, in Mermaid."""
    if model is None:
        return app.graph(counts=counts)
    return app.graph(named(app, model), property)


def explain(app: App, model: str, id: str | None, property: str, depth: int) -> str:
    """Why the property has its value, of the record with this id; of a Global, None."""
    app.engine.database.check()
    found = named(app, model)
    return str(app.explain(found, property, id_of(app.plan.shape(found), id), depth=depth))


def unmatched(app: App) -> str:
    """What reached state machines and no transition took."""
    app.engine.database.check()
    found = app.unmatched()
    return "\n".join(str(one) for one in found) if found else "Every trigger was taken by a transition."


def dead(app: App) -> str:
    """The calls that were given up, each with why; and the events whose call has not come for an hour."""
    app.engine.database.check()
    lines = [
        f"{type(call).__name__} {call.id} of {call.created_at:%Y-%m-%d %H:%M:%S}: {call.error}"
        for call in app.dead_calls()
    ]
    lines += [
        f"{event.kind} of {event.at:%Y-%m-%d %H:%M:%S} from {event.integration}: "
        f"no {event.call_type} is known as {event.external_id}"
        for event in app.orphans()
    ]
    return "\n".join(lines) if lines else "No call is dead."


def replay(app: App, call_id: UUID) -> str:
    """Let a dead call be tried again, by whoever works on this database next."""
    app.engine.database.check()
    again = app.replay(call_id)
    return f"{type(again).__name__} {again.id} does again what {call_id} was to do."


def named(app: App, name: str) -> type[Record]:
    """The record class of this name. Raises UnknownName."""
    models = {shape.name: shape.model for shape in app.plan.shapes.values()}
    if name not in models:
        raise UnknownName(kind="record class", name=name, names=_listed(models))
    return models[name]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
