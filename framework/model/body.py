"""Class bodies of records: what cannot be declared in one is refused by name, before anybody reads it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import UnionType
from typing import Any, Union, get_origin

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import SQLModel
from sqlmodel.main import FieldInfo, RelationshipInfo

from framework.errors import DeclarationError, MillraceError
from framework.model.columns import admits_none, column_type, named
from framework.model.computation import Computation
from framework.model.fields import UNDEFINED
from framework.model.renamed import Renamed
from framework.model.views import RelationView


class UnknownOption(DeclarationError):
    """`class {model}(..., {option}={given!r})` says nothing that a record class takes. Say `table=True` of a
    class with a table, or of a view `where=lambda record: ...` and `reads=(...)`.
    """


class NotAnnotated(DeclarationError):
    """{model}.{name} has no annotation. Say what it is: `{name}: {example}`."""


class ReservedName(DeclarationError):
    """{model}.{name} cannot be declared: {owner} has that name for itself. Call it otherwise."""


class ForeignColumn(DeclarationError):
    """{model}.{field} says `{option}=...`, by which its column would not keep what is declared. Leave it out:
    the annotation says which column it is{remedy}.
    """


class NotAKey(DeclarationError):
    """{model}.{field} says `foreign_key={given!r}`, which names no column. Write the table and its id as
    text: `foreign_key="order.id"`.
    """


class SecondKey(DeclarationError):
    """{model}.{field} is declared with `primary_key=True`, but a record is told apart by its `id`. Declare
    `unique=True` instead.
    """


class LetGoOfNothing(DeclarationError):
    """{model}.{field} is to be None when the record that it refers to is gone (`ondelete="SET NULL"`), but is
    annotated {annotation}. Annotate it `{annotation} | None`, or say "CASCADE" or "RESTRICT".
    """


class NotATableName(DeclarationError):
    """{model}.__tablename__ is {given!r}, which names no table. Give it a text, or leave it out."""


class NotRenamed(DeclarationError):
    """{model}.__renamed__ is {given!r}. Write `__renamed__ = Renamed("FormerName", field="former_name")`."""


class UnusableArguments(DeclarationError):
    """{model}.__table_args__ is {given!r}. Write a tuple of `Unique` and `Index`, with its comma:
    `__table_args__ = (Unique("email"),)`; values are checked by their fields, `Field(gt=0)`.
    """


class IndexOfNothing(DeclarationError):
    """{model} has an Index({given!r}) of no field: what comes first is its name. Write
    `Index("ix_of_{given}", "{given}")`, or `Field(index=True)` at one field.
    """


class NotARelation(DeclarationError):
    """{model}.{name} is a relation, but is annotated {annotation}. Annotate it `list[Item]` if it leads to
    many records, `Item` or `Item | None` if it leads to one.
    """


class UnusableClass(DeclarationError):
    """{model} cannot be made a record class: {problem}. Declare facts as `name: str`, relations as
    `items: list[Item] = Relationship()`, and what is computed as `count: int = computed(Count(items))`.
    """


def check_body(
    name: str, namespace: Mapping[str, Any], annotations: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Raises for the first thing in a class body that could not become what it looks like."""
    for option, given in options.items():
        if option != "table" or not isinstance(given, bool):
            raise UnknownOption(model=name, option=option, given=given)
    _check_names_of_its_own(name, namespace)
    for key in annotations:
        if key in _RESERVED:
            raise ReservedName(model=name, name=key, owner=_RESERVED[key])
    for key, value in namespace.items():
        if key not in annotations and not key.startswith("_") and (example := _example(value)):
            raise NotAnnotated(model=name, name=key, example=example)
        if isinstance(value, RelationshipInfo) and get_origin(annotations[key]) not in _OF_RELATIONS:
            raise NotARelation(model=name, name=key, annotation=annotations[key])
        if isinstance(value, FieldInfo):
            _check_field(name, key, value, annotations[key])


@contextmanager
def making(name: str) -> Iterator[None]:
    """Say of which class it is what a library finds wrong with a body."""
    try:
        yield
    except MillraceError:
        raise
    except Exception as error:
        problem = str(error).strip().split("\n")[0].removesuffix(".")
        raise UnusableClass(model=name, problem=problem) from error


_OF_RELATIONS = (None, list, Union, UnionType)
"""What stands around the class of a relation, if anything does."""

_RESERVED = {"metadata": "SQLAlchemy", "registry": "SQLAlchemy"} | {
    name: "pydantic" for name in dir(SQLModel) if name.startswith("model_")
}


def _check_names_of_its_own(name: str, namespace: Mapping[str, Any]) -> None:
    table = namespace.get("__tablename__", name)
    if not (isinstance(table, str) and table):
        raise NotATableName(model=name, given=table)
    arguments = namespace.get("__table_args__", ())
    kinds = (UniqueConstraint, Index)
    if not (isinstance(arguments, tuple) and all(isinstance(one, kinds) for one in arguments)):
        raise UnusableArguments(model=name, given=arguments)
    for one in arguments:
        if isinstance(one, Index) and not one.expressions:
            raise IndexOfNothing(model=name, given=one.name)
    if not isinstance(namespace.get("__renamed__", Renamed()), Renamed):
        raise NotRenamed(model=name, given=namespace["__renamed__"])


def _example(value: Any) -> str | None:
    """How a declaration is written with its annotation; None for what needs none."""
    match value:
        case Computation():
            return f"int = computed({type(value).__name__}(...))"
        case RelationView():
            return f"list[Item] = {type(value).__name__.lower()}(...)"
        case RelationshipInfo():
            return "list[Item] = Relationship()"
        case FieldInfo():
            return "int = Field(...)"
        case bool() | int() | float() | str() | bytes() | list() | dict() | set() | tuple():
            return f"{type(value).__name__} = {value!r}"
    return None


def _check_field(model: str, name: str, field: FieldInfo, annotation: Any) -> None:
    said = {option: getattr(field, option, UNDEFINED) for option in _OPTIONS}
    own = column_type(annotation, field.metadata)  # which a field of two classes has from the first
    for option, remedy in _OF_COLUMNS.items():
        given = said[option]
        if given is not UNDEFINED and given is not None and type(given) is not type(own):
            raise ForeignColumn(model=model, field=name, option=option, remedy=remedy)
    key = said["foreign_key"]
    if key is not UNDEFINED and not (isinstance(key, str) and "." in key):
        raise NotAKey(model=model, field=name, given=key)
    if said["primary_key"] is True and name != "id":
        raise SecondKey(model=model, field=name)
    if str(said["ondelete"]).upper() == "SET NULL" and not admits_none(annotation):
        raise LetGoOfNothing(model=model, field=name, annotation=named(annotation))


_OF_COLUMNS = {
    "sa_column": "",
    "sa_type": "",
    "alias": "; what others call it is for the code that reads what they say",
}
_OPTIONS = (*_OF_COLUMNS, "foreign_key", "primary_key", "ondelete")
