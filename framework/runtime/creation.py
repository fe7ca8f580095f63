"""Creation: the schema of an App is made where it is missing, and what is there is held against it."""

from framework.runtime.activities import take_up
from framework.runtime.engine import Engine
from framework.runtime.verify import rebuild
from framework.storage.declared import Declared
from framework.tenancy import within


def create(engine: Engine) -> None:
    """Make the tables that are missing, and remember what they are for.

    A class that is added to others needs nothing else; all other differences are for a migration. Raises
    SchemaDiffers.
    """
    database = engine.database
    standing = database.standing()
    before = standing.declaration
    added = set() if before is None else database.declaration.added(before)
    otherwise = [] if before is None else database.declaration.without(added).differences(before)
    database.refuse([*standing.altered, *otherwise])
    extended = database.create()
    engine.create_globals()
    if extended or (added and standing.forms):
        for name in engine.tenants():
            with within(name):
                rebuild(engine)  # what is new counts what was there
    take_up_activities(engine)
    if before is None or added:
        with database.altering() as connection:
            Declared(database.tables).write(connection, database.declaration)


def take_up_activities(engine: Engine) -> None:
    """Let activities that are new begin with the events that are there, of each tenant."""
    if engine.plan.activities:
        for name in engine.tenants():
            with within(name):
                engine.write(lambda transaction: take_up(engine.plan, transaction.work))
