"""Link models: which end of a link is which, and whether it can be told."""

from collections.abc import Iterable
from typing import Any

from framework.model.record import Record
from framework.model.relation import far_keys
from framework.model.symmetric import LinkEnd
from framework.plan.mistakes import (
    AmbiguousLink,
    BrokenLink,
    LinkTableRelation,
    RepeatedPairs,
    SameSide,
)
from framework.plan.shape import Far, Route, Shape
from framework.plan.tableless import with_table

Shapes = dict[type[Record], Shape]


def check_links(shapes: Shapes, shape: Shape) -> None:
    """Each relation through a link model must say which key names its own record, and be the only one that
    does.
    """
    seen: dict[tuple[Shape, str], str] = {}
    for name, relation in shape.model.__sqlmodel_relationships__.items():
        if relation.link_model is None:
            if getattr(relation, "symmetric", False):
                reason = "it is symmetric. Name the class of its links: `link_model=...`."
                raise BrokenLink(model=shape.name, relation=name, link="no link", reason=reason)
            continue
        if getattr(relation, "symmetric", False) and not is_end(relation.link_model):
            _refuse_symmetry(shapes, shape, name, relation.link_model)
        link = _link(shapes, shape, name, relation.link_model)
        key = _near_key(shape, name, link, getattr(relation, "by", None))
        if (link, key) in seen:
            raise SameSide(model=shape.name, one=seen[link, key], other=name, link=link.name, key=key)
        seen[link, key] = name


def is_end(model: Any) -> bool:
    """Whether the class is that of the ends of a symmetric link, which users do not see."""
    return isinstance(model, type) and issubclass(model, LinkEnd)


def _refuse_symmetry(shapes: Shapes, shape: Shape, name: str, model: Any) -> None:
    link = _link(shapes, shape, name, model)
    keys = [key for key, target in link.references.items() if target is shape]
    reason = (
        f"a symmetric link has two foreign keys to {shape.name}, and this one has {len(keys)}. Declare two, "
        "or leave out `symmetric`."
    )
    raise BrokenLink(model=shape.name, relation=name, link=link.name, reason=reason)


def route_through(shapes: Shapes, shape: Shape, name: str, target: Shape) -> Route:
    """The way to the records of `target` through the link model of a relation."""
    relation = shape.model.__sqlmodel_relationships__[name]
    link = _link(shapes, shape, name, relation.link_model)
    key = _near_key(shape, name, link, getattr(relation, "by", None))
    keys = [one for one, other in link.references.items() if other is target and one != key]
    keys = far_keys(key, keys, (one.columns for one in link.uniques if one.where is None))
    if len(keys) != 1:
        reason = (
            f"it has no foreign key to {target.name}. Add one, such as `{target.table.name}_id`."
            if not keys
            else f"{_listed(keys)} both name a {target.name}. Say which two are a pair, such as "
            f'`__table_args__ = (Unique("{key}", "{keys[0]}"),)`.'
        )
        raise BrokenLink(model=shape.name, relation=name, link=link.name, reason=reason)
    if not any({key, *keys} >= set(one.columns) for one in link.uniques if one.where is None):
        quoted = ", ".join(f'"{one}"' for one in (key, *keys))
        raise RepeatedPairs(model=shape.name, relation=name, link=link.name, keys=quoted)
    return Route(host=shape, source=link, key=key, relation=name, far=Far(target, keys[0]))


def _link(shapes: Shapes, shape: Shape, name: str, model: Any) -> Shape:
    if not isinstance(model, type) or not issubclass(model, Record):
        title = getattr(model, "__name__", "a table without a class")
        raise LinkTableRelation(model=shape.name, relation=name, link=title)
    model = getattr(model, "__link__", model) if model not in shapes else model
    return with_table(shapes, model, f"{shape.name}.{name}")


def _near_key(shape: Shape, name: str, link: Shape, by: str | None) -> str:
    keys = [key for key, target in link.references.items() if target is shape]
    if by is not None and by not in keys:
        there = f"Its keys to {shape.name} are: {_listed(keys)}." if keys else ""
        reason = f"{link.name}.{by} is no foreign key to {shape.name}. {there}".strip()
        raise BrokenLink(model=shape.name, relation=name, link=link.name, reason=reason)
    if not keys:
        reason = f"it has no foreign key to {shape.name}. Add one, such as `{shape.table.name}_id`."
        raise BrokenLink(model=shape.name, relation=name, link=link.name, reason=reason)
    if by is None and len(keys) > 1:
        raise AmbiguousLink(
            model=shape.name, relation=name, link=link.name, keys=_listed(keys), first=keys[0], second=keys[1]
        )
    return by or keys[0]


def _listed(keys: Iterable[str]) -> str:
    return " and ".join(keys)
