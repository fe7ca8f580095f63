"""Former names, as classes declare them, held against the names that there are."""

from collections.abc import Iterable

from framework.computations.on_entry import OnEntry
from framework.computations.sequence import Sequence
from framework.computations.statemachine import StateMachine
from framework.model.renamed import renamed
from framework.plan.mistakes import RenamedOnto, RenamedUnknown
from framework.plan.shape import Shape


def check_renames(shapes: Iterable[Shape]) -> None:
    """Raises RenamedUnknown or RenamedOnto for a former name that can stand for nothing."""
    shapes = list(shapes)
    names = {shape.name for shape in shapes}
    for shape in shapes:
        said = renamed(shape.model)
        if said.was in names:
            raise RenamedOnto(model=shape.name, former=said.was)
        keepable = [*shape.facts, *(name for name in shape.model.__computed__ if is_kept(shape, name))]
        for name, former in said.fields.items():
            if name not in keepable:
                raise RenamedUnknown(model=shape.name, field=name, fields=", ".join(keepable))
            if former in shape.fields:
                raise RenamedOnto(model=shape.name, former=f"{shape.name}.{former}")


def is_kept(shape: Shape, name: str) -> bool:
    """Whether a property cannot be recomputed from facts, because it is what happened to the record."""
    return isinstance(shape.model.__computed__.get(name), (StateMachine, OnEntry, Sequence))
