"""Links that make no difference between their two ends: each end is a record of its own."""

from types import new_class
from typing import Any, ClassVar
from uuid import UUID

from sqlmodel import Field, UniqueConstraint

from framework.model.entity import Entity

End = Any
"""A class of ends, which declares the foreign keys of its link."""


class LinkEnd(Entity):
    """One end of a symmetric link: how the link looks from the record that its first key names.

    The plan brings a rule that makes two of each link, and keeps them equal to it; so the link is seen from
    both ends as any other is from one. Users see the link alone.
    """

    __link__: ClassVar[Any] = None
    __keys__: ClassVar[tuple[str, str]]


def ends_of(link: Any, keys: tuple[str, str]) -> End:
    """The class of the ends of a link, made when it is first asked for."""
    known = vars(link).get("__end__")
    if known is not None:
        return known
    target = next(iter(link.__table__.c[keys[0]].foreign_keys)).target_fullname
    name = f"{link.__name__}End"
    namespace = {
        "__module__": link.__module__,
        "__qualname__": link.__qualname__.removesuffix(link.__name__) + name,
        "__tablename__": f"{link.__tablename__}_end",
        "__table_args__": (UniqueConstraint(*keys),),
        "__annotations__": dict.fromkeys(keys, UUID),
        "__doc__": f"One end of a {link.__name__}.",
        "__link__": link,
        "__keys__": keys,
    } | {key: Field(foreign_key=target, ondelete="CASCADE") for key in keys}
    model: Any = new_class(name, (LinkEnd,), {"table": True}, lambda body: body.update(namespace))
    type.__setattr__(link, "__end__", model)
    return model
