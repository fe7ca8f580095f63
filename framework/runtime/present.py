"""Records as the App returns them: detached, read-only, with declared properties alone."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NoReturn

from sqlalchemy.orm.attributes import instance_state

from framework.model.record import Record
from framework.plan.shape import Shape
from framework.runtime.errors import RelationNotLoaded
from framework.storage.codec import Row


def detached(shape: Shape, row: Row, model: type[Record] | None = None) -> Any:
    """A record of the class, or of a view of it, that the caller may keep; writing to it raises
    ReadOnlyRecord.
    """
    mapper: Any = (model or shape.model).__mapper__  # type: ignore[attr-defined]  # SQLAlchemy adds it
    record = mapper.class_manager.new_instance()
    record.__dict__.update({name: row[name] for name in shape.fields})
    state = instance_state(record)
    state.key = mapper.identity_key_from_primary_key((row["id"],))
    state.callables = not_loaded(mapper)
    return record


@cache
def not_loaded(mapper: Any) -> dict[str, Callable[..., NoReturn]]:
    """What SQLAlchemy calls for a relation that was not loaded with a record of this class."""
    model = mapper.class_.__name__
    return {one.key: partial(_refuse, model, one.key) for one in mapper.relationships}


def _refuse(model: str, relation: str, *_: object) -> NoReturn:
    raise RelationNotLoaded(model=model, relation=relation)
