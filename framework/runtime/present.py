"""Records as the App returns them: detached, read-only, with declared properties alone."""

from typing import Any

from sqlalchemy.orm.attributes import instance_state

from framework.model.record import Record
from framework.plan.shape import Shape
from framework.storage.codec import Row


def detached(shape: Shape, row: Row, model: type[Record] | None = None) -> Any:
    """A record of the class, or of a view of it, that the caller may keep; writing to it raises
    ReadOnlyRecord.
    """
    mapper: Any = (model or shape.model).__mapper__  # type: ignore[attr-defined]  # SQLAlchemy adds it
    record = mapper.class_manager.new_instance()
    record.__dict__.update({name: row[name] for name in shape.fields})
    instance_state(record).key = mapper.identity_key_from_primary_key((row["id"],))
    return record
