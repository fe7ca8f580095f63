"""The word `Relationship`: which records belong to a record, and by which way."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlmodel.main import RelationshipInfo

from framework.errors import DeclarationError
from framework.model.words import WrongOption, word


class InheritedRelation(DeclarationError):
    """{model} cannot inherit the relation {relation} from {mixin}, which has no table. Declare it in {model}
    itself, with what is computed from it; the foreign key may stay where it is.
    """


class Relation(RelationshipInfo):
    """A relation as a class body declares it; through a link model, also which end of the link is which."""

    def __init__(self, *, by: str | None, symmetric: bool, **options: Any) -> None:
        super().__init__(**options)
        self.by = by  # the key of the link that names the record that has the relation
        self.symmetric = symmetric


@word
def Relationship(  # noqa: N802  # it reads as what it declares, and as SQLModel's does
    *,
    back_populates: str | None = None,
    link_model: type[Any] | None = None,
    by: Any = None,
    symmetric: bool = False,
    sa_relationship_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Declare the records at the other end of a foreign key; or, with a `link_model`, of its two.

    `by` says which key of the link names this record, where both could:
    `followers: list["Member"] = Relationship(link_model=Follow, by=Follow.followed_id)`. With `symmetric` it
    makes no difference: a link is seen from both its ends, and a pair is one link, however it is written.
    """
    if link_model is not None and not isinstance(link_model, type):
        raise WrongOption(word="Relationship", name="link_model", given=link_model, must="a record class")
    if not isinstance(sa_relationship_kwargs or {}, Mapping):
        raise WrongOption(
            word="Relationship", name="sa_relationship_kwargs", given=sa_relationship_kwargs,
            must='a dictionary, such as `{"remote_side": "Person.id"}`',
        )  # fmt: skip
    return Relation(
        back_populates=back_populates,
        link_model=link_model,
        by=getattr(by, "key", by),
        symmetric=symmetric,
        sa_relationship_kwargs=sa_relationship_kwargs,
    )


def join_through(model: Any, relation: RelationshipInfo) -> None:
    """Let SQLAlchemy find the way through a link model, and only read by it: links are records."""
    if relation.link_model is None:
        return
    link: Table = relation.link_model.__table__
    joins: dict[str, Any] = {"viewonly": True}
    here = keys_to(link, model.__tablename__)
    if getattr(relation, "symmetric", False) and len(here) == 2:
        relation.link_model = _ends_of(relation, here)
        link = relation.link_model.__table__
    by = getattr(relation, "by", None) or (here[0] if len(here) == 1 else None)
    if by in here:
        joins["primaryjoin"] = lambda: _joined(link, by, model)
        if len(here) == 2:
            there = next(key for key in here if key != by)
            joins["secondaryjoin"] = lambda: _joined(link, there, model)
    relation.sa_relationship_kwargs = joins | dict(relation.sa_relationship_kwargs or {})


def _ends_of(relation: RelationshipInfo, keys: list[str]) -> Any:
    from framework.model.symmetric import ends_of  # it declares records, and they have relations

    first, second = keys
    relation.by = first  # type: ignore[attr-defined]  # it is a Relation: it is symmetric
    return ends_of(relation.link_model, (first, second))


def keys_to(link: Table, table: str) -> list[str]:
    """The keys of the link that name a record of the table."""
    return [
        column.name
        for column in link.columns
        if any(key.target_fullname.rpartition(".")[0] == table for key in column.foreign_keys)
    ]


def _joined(link: Table, key: str, model: Any) -> ColumnElement[bool]:
    (reference,) = link.c[key].foreign_keys
    referred: ColumnElement[Any] = model.__table__.c[reference.target_fullname.rpartition(".")[2]]
    return link.c[key] == referred


def refuse_inherited(name: str, bases: Iterable[type]) -> None:
    """A relation joins two tables, so a class without one has none to give."""
    for mixin in (one for base in bases for one in base.__mro__):
        for relation in vars(mixin).get("__sqlmodel_relationships__", ()):
            raise InheritedRelation(model=name, relation=relation, mixin=mixin.__name__)
