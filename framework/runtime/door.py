"""The door: where facts are validated against their declaration before they enter."""

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from functools import cached_property
from inspect import ismethod
from typing import Any, Literal, Protocol, TypeAlias

from pydantic import (
    ConfigDict,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
)

from framework.model.fields import UNDEFINED
from framework.model.identity import new_id
from framework.model.problems import problems_of
from framework.model.record import Record
from framework.model.storable import storable
from framework.plan.shape import Kind, Shape
from framework.runtime.errors import InvalidRecord
from framework.storage.statements import TableStatements
from framework.storage.tables import MADE_BY

Extra: TypeAlias = Literal["ignore", "forbid"]
"""What becomes of values that are no facts: of a record, whose class knows them; of a caller, who may err."""

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)


class Validator(Protocol):
    """What pydantic makes of a declaration."""

    def validate_python(self, input: Any, /, *, extra: Extra) -> Any:  # noqa: A002  # pydantic's word
        """The value as declared; raises ValidationError."""


class Door:
    """Validates the facts of one class, and makes whole rows of them."""

    def __init__(self, shape: Shape, statements: TableStatements) -> None:
        self.shape = shape
        fields: dict[str, Any] = {}
        for name in shape.facts:
            field = shape.model.model_fields[name]
            fields[name] = (storable(field.annotation, field.metadata), field)
        self._fields = fields
        model = create_model(shape.name, __config__=_CONFIG, __validators__=_validators(shape), **fields)
        self._facts = model
        self._validator: Validator = model.__pydantic_validator__
        self._blank: dict[str, Any] = dict.fromkeys(statements.codec.names)
        self._blank |= {name: computation.initial for name, computation in shape.model.__computed__.items()}
        self._blank |= {hidden.name: hidden.default for hidden in shape.hidden}
        self.enrol: Callable[[dict[str, Any]], None] | None = None
        """What else a new row needs: the App lets calls enter the outbox here."""
        self._own = self._blank | {
            name: default
            for name, default in shape.model.__facts__.items()
            if default is not UNDEFINED and not callable(default)
        }
        self._moment = {Kind.EVENT: "at", Kind.CALL: "created_at"}.get(shape.kind)

    def row(self, record: Record, now: datetime, made_by: str | None = None) -> dict[str, Any]:
        """The whole row of a new record; raises InvalidRecord with all that is wrong.

        The moment of an event or a call that was not given one is `now`, the moment of its transaction.
        """
        try:
            valid = self._validator.validate_python(record.__dict__, extra="ignore")
        except ValidationError as error:
            raise self._invalid(error) from error
        row = self._whole(valid.__dict__, record.__pydantic_fields_set__, now)
        if made_by is not None:
            row[MADE_BY] = made_by
        return row

    def rows(self, facts: Sequence[Mapping[str, Any]], now: datetime, start: int) -> list[dict[str, Any]]:
        """The whole rows of many new records, given by their facts; what is not given takes its default.

        InvalidRecord numbers them from `start`.
        """
        valid = self._valid(self._many, facts, "forbid", start)
        return [self._whole(one.__dict__, one.__pydantic_fields_set__, now) for one in valid]

    def rows_of(self, records: Sequence[Record], now: datetime, start: int) -> list[dict[str, Any]]:
        """The whole rows of many new records. InvalidRecord numbers them from `start`."""
        valid = self._valid(self._many, [record.__dict__ for record in records], "ignore", start)
        return [
            self._whole(one.__dict__, record.__pydantic_fields_set__, now)
            for one, record in zip(valid, records, strict=True)
        ]

    def _whole(self, facts: Mapping[str, Any], given: Set[str], now: datetime) -> dict[str, Any]:
        row = {**self._blank, **facts}
        if self._moment is not None and self._moment not in given:
            row[self._moment] = now
        if self.enrol is not None:
            self.enrol(row)
        return row

    def own_row(self, now: datetime, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The whole row of an event that the framework itself makes: its facts are known to be valid."""
        return {**self._own, "id": new_id(), "at": now, **facts}

    def some(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A few facts as their declaration has them; raises InvalidRecord."""
        wanted: dict[str, Any] = {name: self._fields[name] for name in values}
        model = create_model(self.shape.name, __config__=_CONFIG, **wanted)
        return dict(self._valid(model.__pydantic_validator__, values, "forbid"))

    def facts(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The facts as their declaration has them; raises InvalidRecord."""
        return self._valid(self._validator, values, "forbid").__dict__  # type: ignore[no-any-return]  # of a model

    def _valid(self, validator: Validator, values: Any, extra: Extra, start: int | None = None) -> Any:
        try:
            return validator.validate_python(values, extra=extra)
        except ValidationError as error:
            raise self._invalid(error, start) from error

    def _invalid(self, error: ValidationError, start: int | None = None) -> InvalidRecord:
        problems, codes = problems_of(error, start), codes_of(error)
        return InvalidRecord(model=self.shape.name, problems=problems, codes=codes)

    @cached_property
    def _many(self) -> Validator:
        """The validator of a list of records."""
        return TypeAdapter(list[self._facts]).validator  # type: ignore[name-defined]  # a class made here


def codes_of(error: ValidationError) -> dict[str, str]:
    """What is wrong with each field, for programs: a value that is not there is `missing`."""
    return {
        ".".join(str(part) for part in problem["loc"]): "missing"
        if problem.get("input", problem) is None
        else problem["type"]
        for problem in error.errors(include_url=False)
    }


def _validators(shape: Shape) -> dict[str, Any]:
    """The `@field_validator` functions of the class, which pydantic does not run for tables."""
    found = {}
    for name, one in shape.model.__pydantic_decorators__.field_validators.items():
        function = classmethod(one.func.__func__) if ismethod(one.func) else staticmethod(one.func)
        found[name] = field_validator(*one.info.fields, mode=one.info.mode, check_fields=False)(function)
    return found
