"""Keys and relations to classes that have no table: views, and classes that others extend."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import ForeignKey

from framework.model.fields import table_name
from framework.model.record import Record, is_filtered
from framework.plan.mistakes import KeyToSeveral, RelationToView
from framework.plan.shape import Shape


def refuse_key_to_several(shape: Shape, field: str, reference: ForeignKey, shapes: Iterable[Shape]) -> None:
    """Raise KeyToSeveral if the key refers to a class that has no table because others extend it."""
    target = reference.target_fullname.rpartition(".")[0]
    extending: dict[type, list[Shape]] = defaultdict(list)
    for one in shapes:
        for base in one.model.__mro__[1:]:
            if issubclass(base, Record) and table_name(base.__name__) == target:
                extending[base].append(one)
    for base, several in extending.items():
        raise KeyToSeveral(
            model=shape.name, field=field, target=reference.target_fullname, base=base.__name__,
            classes=" and ".join(one.name for one in several),
            relations=", ".join(one.table.name for one in several),
        )  # fmt: skip


def refuse_views(shape: Shape) -> None:
    """Raise RelationToView where a relation is declared to be to a filtered class."""
    for name, joined in shape.model.__mapper__.relationships.items():  # type: ignore[attr-defined]  # SQLAlchemy adds it
        view = joined.mapper.class_
        if is_filtered(view):
            base = next(one for one in view.__mro__ if not is_filtered(one))
            part = table_name(view.__name__)
            declared = (
                f"{part}s: list[{view.__name__}]" if joined.uselist else f"{part}: {view.__name__} | None"
            )
            raise RelationToView(
                model=shape.name, relation=name, view=view.__name__, base=base.__name__, part=declared
            )
