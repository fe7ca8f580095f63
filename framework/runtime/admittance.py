"""What guards see of a transaction: who dispatches, what else was said, and records as they are."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeVar
from uuid import UUID

from framework.model.record import Record, refuse
from framework.runtime.comparing import check_value
from framework.runtime.errors import NotARecordOfThisApp, NotIndexed
from framework.runtime.present import detached
from framework.runtime.work import Work

R = TypeVar("R", bound=Record)


class Get(Protocol):
    """How a transaction gives a record."""

    def __call__(self, model: type[R], id: UUID | None = None, /) -> R: ...


class Admittance:
    """The `Admission` of one dispatch."""

    def __init__(self, work: Work, get: Get, actor: str | None, context: Mapping[str, Any] | None) -> None:
        self._work = work
        self._get = get
        self.actor = actor
        self.context: Mapping[str, Any] = MappingProxyType(dict(context or {}))

    def get(self, model: type[R], id: UUID | None = None) -> R:
        return self._get(model, id)

    def find(self, model: type[R], **values: object) -> list[R]:
        shape = next((shape for shape in self._work.statements if shape.model is model), None)
        if shape is None:
            raise NotARecordOfThisApp(thing=model)
        for name in values:
            if name not in shape.fields:
                refuse(model, name)
            check_value(shape, name, values[name])
        indexed = self._work.statements[shape].indexed
        key = next((name for name, value in values.items() if name in indexed and value is not None), None)
        if key is None:
            raise NotIndexed(model=shape.name, fields=" or ".join(values) or "nothing")
        rows = [one.after_row for one in self._work.where(shape, key, values[key]) if one.after_row]
        return [
            detached(shape, row) for row in rows if all(row[name] == value for name, value in values.items())
        ]
