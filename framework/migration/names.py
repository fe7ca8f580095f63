"""Names that the engine has written down, where a class, a machine or a rule is called otherwise now."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection, Table, func, select, update

from framework.computations.triggers import LinkTrigger, Trigger
from framework.migration.renames import Renames
from framework.plan.node import MachineNode, TriggerPlan
from framework.runtime.keys import SAID_BY_EVENT
from framework.storage.tables import MADE_BY, Tables


def rename_what_is_shared(connection: Connection, tables: Tables, renames: Renames) -> None:
    """Let the engine find what it wrote under former names for all tenants."""
    of_calls = [(tables.cursors, "name")]
    if tables.addressees.name in tables.metadata.tables:
        of_calls.append((tables.addressees, "call_type"))
    for new, old in renames.classes.items():
        for table, name in of_calls:
            connection.execute(update(table).where(table.c[name] == old).values({name: new}))


def rename_what_is_written(connection: Connection, tables: Tables, renames: Renames) -> None:
    """Let the engine find what it wrote under former names for the tenant that is held to."""
    for new, old in renames.classes.items():
        _prefix(connection, tables.moves, "machine", f"{old}.", f"{new}.")
        _prefix(connection, tables.sequences, "name", f"{old}.", f"{new}.")
        keys = tables.dispatches
        connection.execute(update(keys).where(keys.c.event == old).values(event=new))
        told = func.replace(keys.c.changes, f'"{old}"', f'"{new}"')
        connection.execute(update(keys).where(keys.c.changes.contains(f'"{old}"')).values(changes=told))
        events = tables.metadata.tables.get("integration_event")
        if events is not None:
            connection.execute(update(events).where(events.c.call_type == old).values(call_type=new))
    classes = {table.name: shape.name for shape, table in tables.of.items()}
    for (place, column), old in renames.columns.items():
        new, former = f"{classes[place]}.{column}", f"{classes[place]}.{old}"
        for kept, name in ((tables.moves, "machine"), (tables.sequences, "name")):
            connection.execute(update(kept).where(kept.c[name] == former).values({name: new}))
    if tables.activities is not None:
        tables.activities.rename_events(connection, {old: new for new, old in renames.classes.items()})
    for shape in tables.of:
        for node in shape.machines:
            _relabel(connection, tables.moves, node, renames)
    for rule, former in renames.rules.items():
        for shape, table in tables.of.items():
            if shape.makers:
                _prefix(connection, table, MADE_BY, f"{former}:", f"{rule}:")
        _prefix(connection, tables.spared, "made_by", f"{former}:", f"{rule}:")


def let_events_say_it(connection: Connection, tables: Tables, events: Collection[str]) -> None:
    """Hold what comes again under a known key against the stored event, where that has another form now."""
    keys = tables.dispatches
    if events:
        connection.execute(update(keys).where(keys.c.event.in_(events)).values(fingerprint=SAID_BY_EVENT))


def _relabel(connection: Connection, moves: Table, node: MachineNode, renames: Renames) -> None:
    """What moved a machine, and what moved it not, is called as its triggers are called now."""
    labels = {
        former: plan.label for plan in node.triggers if (former := _former(plan, renames)) != plan.label
    }
    if not labels:
        return
    own = moves.c.machine == node.name
    for written in connection.execute(select(moves.c.trigger).where(own).distinct()).scalars().all():
        called = labels.get(written) or " and ".join(labels.get(one, one) for one in written.split(" and "))
        if called != written:
            connection.execute(update(moves).where(own, moves.c.trigger == written).values(trigger=called))


def _former(plan: TriggerPlan, renames: Renames) -> str:
    """The label of a trigger, with the former names of classes and fields."""
    trigger, route = plan.trigger, plan.declared
    name, dot, relation = route.title.partition(".")
    title = f"{renames.class_of(name)}{dot}{relation}"
    tables = [end.shape.table.name for end in route.ends] or [route.related.table.name]

    def before(one: Trigger) -> Trigger:
        formers = (renames.columns.get((table, str(one.field))) for table in tables)
        return replace(one, field=next(filter(None, formers), one.field))

    if isinstance(trigger, LinkTrigger):
        return replace(trigger, declared=before(trigger.declared)).describe(title)
    return before(trigger).describe(title)


def _prefix(connection: Connection, table: Table, name: str, old: str, new: str) -> None:
    """Texts that begin with the old prefix begin with the new one."""
    column = table.c[name]
    begins = func.substr(column, 1, len(old)) == old
    rest = func.substr(column, len(old) + 1)
    connection.execute(update(table).where(begins).values({name: new + rest}))
