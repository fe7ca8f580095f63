"""Names that the engine has written down, where a class, a machine or a rule is called otherwise now."""

from sqlalchemy import Connection, Table, func, update

from framework.migration.renames import Renames
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
        event = tables.dispatches.c.event
        connection.execute(update(tables.dispatches).where(event == old).values(event=new))
        events = tables.metadata.tables.get("integration_event")
        if events is not None:
            connection.execute(update(events).where(events.c.call_type == old).values(call_type=new))
    classes = {table.name: shape.name for shape, table in tables.of.items()}
    for (place, column), old in renames.columns.items():
        new, former = f"{classes[place]}.{column}", f"{classes[place]}.{old}"
        for kept, name in ((tables.moves, "machine"), (tables.sequences, "name")):
            connection.execute(update(kept).where(kept.c[name] == former).values({name: new}))
    for rule, former in renames.rules.items():
        for shape, table in tables.of.items():
            if shape.makers:
                _prefix(connection, table, MADE_BY, f"{former}:", f"{rule}:")
        _prefix(connection, tables.spared, "made_by", f"{former}:", f"{rule}:")


def _prefix(connection: Connection, table: Table, name: str, old: str, new: str) -> None:
    """Texts that begin with the old prefix begin with the new one."""
    column = table.c[name]
    begins = func.substr(column, 1, len(old)) == old
    rest = func.substr(column, len(old) + 1)
    connection.execute(update(table).where(begins).values({name: new + rest}))
