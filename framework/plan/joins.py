"""Relations by a foreign key: which key it is that joins them."""

from collections.abc import Iterable
from typing import Any

from framework.model.relation import Relation
from framework.plan.mistakes import AmbiguousRelation, BrokenRelation
from framework.plan.shape import Shape

_SAID = frozenset({"foreign_keys", "primaryjoin"})
"""What says to SQLAlchemy how a relation is joined."""


def check_joins(shapes: Iterable[Shape], shape: Shape) -> None:
    """A relation goes by a key that there is, and says by which one where there are several."""
    for name, relation in shape.model.__sqlmodel_relationships__.items():
        if not isinstance(relation, Relation) or relation.link_model is not None:
            continue
        target = _target(shapes, shape, name)
        if target is None:
            continue  # SQLAlchemy says so
        holder, other = (target, shape) if relation.is_many else (shape, target)
        keys = _keys(holder, other)
        if relation.by is not None:
            if relation.by not in keys:
                wrong = f"is no foreign key of {holder.name} to {other.name}"
                reason = f"it goes by {relation.by!r}, which {wrong}."
                raise BrokenRelation(model=shape.name, relation=name, reason=reason)
        elif _SAID.isdisjoint(relation.sa_relationship_kwargs or {}) and keys:
            back = [] if target is shape else _keys(other, holder)
            ways = [*(f"{holder.name}.{key}" for key in keys), *(f"{other.name}.{key}" for key in back)]
            if len(ways) > 1:
                listed = " and ".join(ways)
                raise AmbiguousRelation(model=shape.name, relation=name, keys=listed, first=keys[0])


def _keys(holder: Shape, other: Shape) -> list[str]:
    return [key for key, target in holder.references.items() if target is other]


def _target(shapes: Iterable[Shape], shape: Shape, relation: str) -> Shape | None:
    """The class that a relation, not joined yet, leads to; None if that is not clear."""
    mapper: Any = shape.model.__mapper__  # type: ignore[attr-defined]  # SQLAlchemy adds it
    named = mapper.get_property(relation, _configure_mappers=False).argument
    model = named if isinstance(named, type) else shape.model.__scope__.known_class(named)
    return next((one for one in shapes if one.model is model), None)
