"""What callbacks see: a record that reads like its class, costs next to nothing, and cannot be written."""

from collections.abc import Mapping
from types import FunctionType
from typing import Any, NoReturn

from framework.model.record import ReadOnlyRecord, Record, is_filtered


class View:
    """A row as a record, without a session. It shares the row: it shows what the transaction knows."""

    __model__: type[Record]

    def __setattr__(self, name: str, value: object) -> None:
        raise ReadOnlyRecord(model=self.__model__.__name__)

    def __repr__(self) -> str:
        return f"<{self.__model__.__name__} {self.__dict__.get('id')}>"


_new, _share = object.__new__, vars(View)["__dict__"].__set__


def view_class(model: type[Record]) -> type[View]:
    """The class of views of a model: with the methods, Python properties and constants that users gave it."""
    relations = (*model.__sqlmodel_relationships__, *model.__views__)
    members: dict[str, Any] = {name: _Relation(name) for name in relations}
    members |= {"__model__": model, "__class__": property(lambda self: model)}
    for base in reversed(model.__mro__[: model.__mro__.index(Record)]):
        members |= {name: member for name, member in vars(base).items() if _is_behaviour(name, member)}
    return type(model.__name__, (View,), members)


def narrowed_view(view: type[View], model: type[Record]) -> type[View]:
    """The views of a filtered class: as those of its base, with the methods that users gave it."""
    members: dict[str, Any] = {}
    if issubclass(model, view.__model__):
        members = {"__model__": model, "__class__": property(lambda self: model)}
    for base in reversed(model.__mro__[: model.__mro__.index(Record)]):
        if is_filtered(base):
            members |= {name: member for name, member in vars(base).items() if _is_behaviour(name, member)}
    return type(model.__name__, (view,), members)


def view_of(kind: type[View], row: Mapping[str, Any]) -> Any:
    """The row as a view."""
    view = _new(kind)
    _share(view, row)
    return view


class _Relation:
    """What a callback finds where its record has a relation, unless it was given the related records."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, view: object, kind: type[View]) -> NoReturn:
        raise AttributeError(
            f"{kind.__model__.__name__}.{self._name} is a relation: a callback sees one record. "
            "Compute the value there, and read that."
        )


def _is_behaviour(name: str, member: object) -> bool:
    """Whether it is a method, a Python property, or a constant of the class."""
    if name.startswith(("__", "_sa_", "_abc_")):
        return False
    return isinstance(member, (FunctionType, property, staticmethod, classmethod)) or not hasattr(
        member, "__get__"
    )
