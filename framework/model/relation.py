"""The word `Relationship`: which records belong to a record, and by which way."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, get_origin

from sqlalchemy import ColumnElement, Table, UniqueConstraint
from sqlmodel._compat import get_relationship_to
from sqlmodel.main import RelationshipInfo

from framework.errors import DeclarationError
from framework.model.words import WrongOption, word


class InheritedRelation(DeclarationError):
    """{model} cannot inherit the relation {relation} from {mixin}, which has no table. Declare it in {model}
    itself, with what is computed from it; the foreign key may stay where it is.
    """


class Relation(RelationshipInfo):
    """A relation as a class body declares it; through a link model, also which end of the link is which."""

    def __init__(self, *, by: Any, symmetric: bool, **options: Any) -> None:
        super().__init__(**options)
        self.by = by  # the key that joins; of a link, the one that names the record that has the relation
        self.symmetric = symmetric
        self.is_many = False  # until its class is made


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

    `by` says which key it goes by, where several could: `sent: list["Transfer"] =
    Relationship(by="from_id")`, and within one class `parent: "Folder" = Relationship(by="parent_id")`. Of a
    link it is the key that names this record: `followers: list["Member"] = Relationship(link_model=Follow,
    by=Follow.followed_id)`. With `symmetric` it makes no difference: a link is seen from both its ends, and
    a pair is one link, however it is written.
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


def join(model: Any, name: str, relation: RelationshipInfo) -> None:
    """Let SQLAlchemy find the way of a relation: through its link model, or by the key that it names."""
    if relation.link_model is not None:
        joins = _through(model, name, relation)
    elif isinstance(relation, Relation):
        joins = _by_key(model, name, relation)
    else:
        return
    relation.sa_relationship_kwargs = joins | dict(relation.sa_relationship_kwargs or {})


def _by_key(model: Any, name: str, relation: Relation) -> dict[str, Any]:
    annotation = model.__annotations__[name]
    target = get_relationship_to(name, relation, annotation)
    relation.is_many = get_origin(annotation) is list
    if relation.by is None:
        return {}
    called = getattr(target, "__name__", target)
    if relation.is_many:
        return {"foreign_keys": f"{called}.{relation.by}"}
    own = {"foreign_keys": f"{model.__name__}.{relation.by}"}
    return own | {"remote_side": f"{called}.id"} if called == model.__name__ else own


def _through(model: Any, name: str, relation: RelationshipInfo) -> dict[str, Any]:
    """The way through a link model, by which SQLAlchemy only reads: links are records."""
    assert relation.link_model is not None, "it goes through a link"
    link: Table = relation.link_model.__table__
    joins: dict[str, Any] = {"viewonly": True}
    here = keys_to(link, model.__tablename__)
    if getattr(relation, "symmetric", False) and len(here) == 2:
        relation.link_model = _ends_of(relation, here)
        link = relation.link_model.__table__
    by = getattr(relation, "by", None) or (here[0] if len(here) == 1 else None)
    if by in here:
        target = get_relationship_to(name, relation, model.__annotations__[name])
        joins["primaryjoin"] = lambda: _joined(link, by, model)
        joins["secondaryjoin"] = lambda: _joined_far(model, target, link, by)
    return joins


def _joined_far(model: Any, target: Any, link: Table, by: str) -> ColumnElement[bool] | None:
    """How the other end of a link is joined; None where it has no key to that."""
    if not isinstance(target, type):
        target = model.__scope__.known_class(target)
    keys = [key for key in keys_to(link, getattr(target, "__tablename__", "")) if key != by]
    pairs = [one.columns.keys() for one in link.constraints if isinstance(one, UniqueConstraint)]
    far = far_keys(by, keys, pairs)
    return _joined(link, far[0], target) if far else None


def far_keys(near: str, keys: list[str], pairs: Iterable[Collection[str]]) -> list[str]:
    """Of the keys of a link that name a record of the other class, those that may be its other end: where
    there are several, the one that is unique together with the near one.
    """
    if len(keys) < 2:
        return keys
    sets = [set(pair) for pair in pairs]
    return [key for key in keys if {near, key} in sets] or keys


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
