"""Records as the App returns them: detached, read-only, with declared properties alone."""

from typing import Any

from sqlalchemy.orm.attributes import instance_state

from framework.plan.shape import Shape
from framework.storage.codec import Row


def detached(shape: Shape, row: Row) -> Any:
    """A record of the class that the caller may keep; writing to it raises ReadOnlyRecord."""
    mapper: Any = shape.model.__mapper__  # type: ignore[attr-defined]  # SQLAlchemy adds it
    record = mapper.class_manager.new_instance()
    record.__dict__.update({name: row[name] for name in shape.fields})
    instance_state(record).key = mapper.identity_key_from_primary_key((row["id"],))
    return record
