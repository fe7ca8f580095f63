"""Keys and relations to classes that have no table: views, and classes that others extend."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ForeignKey

from framework.model.fields import table_name
from framework.model.record import Record, is_filtered
from framework.plan.mistakes import (
    KeyToSeveral,
    RelationToSeveral,
    RelationToView,
    SeveralNamed,
    UndeclaredRecord,
    ViewNamed,
)
from framework.plan.shape import Shape


def with_table(shapes: Mapping[type[Record], Shape], model: Any, place: str) -> Shape:
    """What is known of a class that must have a table in this App; raises ViewNamed or UndeclaredRecord."""
    shape = shapes.get(model) if isinstance(model, type) else None
    if shape is not None:
        return shape
    several = [one.name for one in shapes.values() if _has_one_among(model, one)]
    if several:
        raise SeveralNamed(place=place, model=model.__name__, classes=" and ".join(several))
    if isinstance(model, type) and is_filtered(model):
        raise ViewNamed(place=place, model=model.__name__, base=_base(model).__name__)
    raise UndeclaredRecord(place=place, model=getattr(model, "__name__", repr(model)))


def _has_one_among(model: Any, shape: Shape) -> bool:
    """Whether the records of a class that has no table are in several, of which this is one."""
    if not isinstance(model, type):
        return False
    return issubclass(shape.model, _base(model)) and shape.model is not _base(model)


def refuse_key(
    shape: Shape, field: str, reference: ForeignKey, shapes: Iterable[Shape], views: Iterable[type[Record]]
) -> None:
    """Raise ViewNamed or KeyToSeveral if the key refers to a class that has no table."""
    target = reference.target_fullname.rpartition(".")[0]
    for view in views:
        if table_name(view.__name__) == target:
            raise ViewNamed(place=f"{shape.name}.{field}", model=view.__name__, base=_base(view).__name__)
    for base, several in _extending(shapes).items():
        if table_name(base) == target:
            raise KeyToSeveral(
                model=shape.name, field=field, target=reference.target_fullname, base=base,
                classes=" and ".join(one.name for one in several),
                relations=", ".join(one.table.name for one in several),
            )  # fmt: skip


def refuse_relations_to_several(shapes: Iterable[Shape]) -> None:
    """Raise RelationToSeveral for a relation, not joined yet, to a class that others extend."""
    shapes = list(shapes)
    extending = _extending(shapes)
    for shape in shapes:
        for name in shape.model.__sqlmodel_relationships__:
            mapper: Any = shape.model.__mapper__  # type: ignore[attr-defined]  # SQLAlchemy adds it
            target = mapper.get_property(name, _configure_mappers=False).argument
            base = getattr(target, "__name__", target)
            if base in extending:
                classes = " and ".join(one.name for one in extending[base])
                raise RelationToSeveral(model=shape.name, relation=name, base=base, classes=classes)


def _extending(shapes: Iterable[Shape]) -> Mapping[str, list[Shape]]:
    """Those that extend a class that has no table, by its name."""
    found: dict[str, list[Shape]] = defaultdict(list)
    for one in shapes:
        for base in one.model.__mro__[1:]:
            if issubclass(base, Record) and base.__module__ != Record.__module__:
                found[base.__name__].append(one)
    return found


def refuse_views(shape: Shape) -> None:
    """Raise RelationToView where a relation is declared to be to a filtered class."""
    for name, joined in shape.model.__mapper__.relationships.items():  # type: ignore[attr-defined]  # SQLAlchemy adds it
        view = joined.mapper.class_
        if is_filtered(view):
            base = _base(view)
            part = table_name(view.__name__)
            declared = (
                f"{part}s: list[{view.__name__}]" if joined.uselist else f"{part}: {view.__name__} | None"
            )
            raise RelationToView(
                model=shape.name, relation=name, view=view.__name__, base=base.__name__, part=declared
            )


def _base(view: type[Any]) -> type[Any]:
    """The class that a view, perhaps of another view, is a part of."""
    return next(one for one in view.__mro__ if not is_filtered(one))
