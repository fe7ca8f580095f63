"""Taking over: whoever has a unique value lets go of it when another record takes it."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from framework.plan.shape import Shape
from framework.runtime.work import Work


def take_over(work: Work, shape: Shape, id: UUID, values: dict[str, Any], names: Collection[str]) -> None:
    """Leave with None whoever has one of the named values, where it may be taken over by the record `id`.

    Those who take the same value beside each other do so one after the other.
    """
    for name in shape.takeovers:
        value = values[name] if name in names else None
        if value is None:
            continue
        work.hold("takeover", shape.name, name, str(value))
        for holder in work.where(shape, name, value):
            if holder.id != id:
                work.set(holder, name, None)
