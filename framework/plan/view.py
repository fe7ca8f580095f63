"""What callbacks see: a record that reads like its class, costs next to nothing, and cannot be written."""

from collections.abc import Mapping
from types import FunctionType
from typing import Any, NoReturn

from framework.model.record import ReadOnlyRecord, Record

_setattr = object.__setattr__


class View:
    """A row as a record, without a session. It shares the row: it shows what the transaction knows."""

    __model__: type[Record]

    def __getattr__(self, name: str) -> NoReturn:
        model = self.__model__
        if name in model.__sqlmodel_relationships__:
            problem = (
                f"{model.__name__}.{name} is a relation: a callback sees one record. "
                "Compute the value there, and read that."
            )
        else:
            problem = f"{model.__name__} has no field {name!r}."
        raise AttributeError(problem)

    def __setattr__(self, name: str, value: object) -> None:
        raise ReadOnlyRecord(model=self.__model__.__name__)

    def __repr__(self) -> str:
        return f"<{self.__model__.__name__} {self.__dict__.get('id')}>"


def view_class(model: type[Record]) -> type[View]:
    """The class of views of a model: with the methods and Python properties that users gave it."""
    members: dict[str, Any] = {"__model__": model, "__class__": property(lambda self: model)}
    for base in reversed(model.__mro__[: model.__mro__.index(Record)]):
        members |= {name: member for name, member in vars(base).items() if _is_behaviour(name, member)}
    return type(f"{model.__name__}View", (View,), members)


def view_of(kind: type[View], row: Mapping[str, Any]) -> Any:
    """The row as a view."""
    view = object.__new__(kind)
    _setattr(view, "__dict__", row)
    return view


def _is_behaviour(name: str, member: object) -> bool:
    return not name.startswith("__") and isinstance(
        member, (FunctionType, property, staticmethod, classmethod)
    )
