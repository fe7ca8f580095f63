"""All records of a class, whatever tables they are in."""

from operator import attrgetter
from typing import Any, TypeVar

from sqlmodel import select

from framework.model.record import Record
from framework.plan.mistakes import NoRecordClass, UndeclaredRecord
from framework.plan.plan import Plan
from framework.plan.views import sources_of
from framework.runtime.reading import Reading
from framework.storage.database import Database

R = TypeVar("R", bound=Record)


def members(plan: Plan, reading: Reading, database: Database, model: type[R]) -> list[R]:
    """The records that are in the tables of the class, of its subclasses, or of what it is a view of."""
    if not isinstance(model, type):
        raise NoRecordClass(thing=model)
    sources = sources_of(plan.shapes, model)
    if not sources:
        raise UndeclaredRecord(place="This", model=model.__name__)
    found: list[R] = []
    for shape, lens in sources:
        entity: Any = model if issubclass(model, shape.model) else shape.model
        statement = select(entity)
        if lens is not None and entity is shape.model:
            statement = statement.options(database.memberships.option(shape, lens, entity))
        found += reading.query(statement)
    return sorted(found, key=attrgetter("id"))
