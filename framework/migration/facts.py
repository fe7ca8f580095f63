"""What changes about facts: which are new or gone, of another type or name, and what old records get."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from framework.migration.changes import Change
from framework.migration.properties import PropertyChanges
from framework.migration.renames import Renames
from framework.migration.survey import Survey
from framework.migration.tally import rows_of, rows_whose
from framework.model.fields import UNDEFINED
from framework.plan.declaration import DECIMAL
from framework.plan.shape import Shape
from framework.storage.database import Database
from framework.storage.forms import ColumnForm, Form
from framework.storage.tables import BORN, MADE_BY


class FactChanges:
    """Facts of an App, held against the columns that are there; `fill` says what old records get."""

    def __init__(
        self, database: Database, renames: Renames, survey: Survey, properties: PropertyChanges,
        fill: dict[str, Any],
    ) -> None:  # fmt: skip
        self._database = database
        self._renames = renames
        self._survey = survey
        self._properties = properties
        self._fill = fill
        self._changes: list[Change] = []

    def of(
        self, shape: Shape, was: str, present: Form, wanted: Form, kept: Mapping[str, str],
        dropped: Sequence[str], fills: dict[str, Any],
    ) -> list[Change]:  # fmt: skip
        """The changes of a class's facts; what its columns are filled with is put into `fills`."""
        self._changes = []
        empty = not self._survey.rows(was)
        for name in shape.facts:
            place = f"{shape.name}.{name}"
            if name not in kept:
                self._new_fact(shape, name, fills, empty=empty)
                continue
            old = kept[name]
            if old != name:
                self._changes.append(Change(place, f"was {shape.name}.{old}"))
                self._properties.touch(place)
            self._retyped(shape, was, name, old, present.columns[old], wanted.columns[name])
            if present.columns[old].nullable and not wanted.columns[name].nullable:
                self._filled(shape, name, fills, self._survey.missing(was, old), "must have a value now")
            elif not present.columns[old].nullable and wanted.columns[name].nullable:
                self._changes.append(Change(place, "may have no value now"))
        for name in self._properties.lost_facts(shape, dropped):
            lost = 0 if empty else self._survey.given(was, name)
            self._changes.append(Change(f"{shape.name}.{name}", f"is gone, with {_values(lost)}", lost=lost))
        for name in self._properties.overtaken_facts(shape, kept):
            lost = 0 if empty else self._survey.given(was, kept[name])
            what = f"was a fact, and {_values(lost)} of it go"
            self._changes.append(Change(f"{shape.name}.{name}", what, lost=lost))
        return self._changes

    def _new_fact(self, shape: Shape, name: str, fills: dict[str, Any], *, empty: bool) -> None:
        place = f"{shape.name}.{name}"
        self._properties.touch(place)
        if empty:
            self._fill.pop(place, None)
            self._changes.append(Change(place, "a new fact"))
            return
        default = shape.model.__facts__[name]
        nullable = bool(self._database.tables.of[shape].c[name].nullable)
        if place not in self._fill and default in (None, UNDEFINED) and nullable:
            self._changes.append(Change(place, "a new fact, without a value"))
        else:
            self._filled(shape, name, fills, self._survey.rows(self._there(shape)), "a new fact")

    def _filled(self, shape: Shape, name: str, fills: dict[str, Any], rows: int, what: str) -> None:
        """Find what the rows without a value get."""
        place = f"{shape.name}.{name}"
        value = self._fill.pop(place, shape.model.__facts__[name])
        if rows and value in (None, UNDEFINED):
            remedy = f"There is no value in {rows_whose(rows)}: give it a default, or fill it: {place}=..."
            self._changes.append(Change(place, what, remedy=remedy))
            return
        if value in (None, UNDEFINED):
            self._changes.append(Change(place, what))
            return
        self._properties.touch(place)
        if callable(value):
            fills[name] = value
            self._changes.append(Change(place, f"{what}, {rows_of(rows)} get one of their own"))
            return
        try:
            fills[name] = _as_declared(shape, name, value)
        except ValidationError:
            remedy = f"{value!r} is no value of its type: fill it with another"
            self._changes.append(Change(place, what, remedy=remedy))
        else:
            self._changes.append(Change(place, f"{what}, {rows_of(rows)} get {fills[name]!r}"))

    def _retyped(
        self, shape: Shape, was: str, name: str, old: str, then: ColumnForm, now: ColumnForm
    ) -> None:
        """A fact of another type: values that are not of it are in the way."""
        place = f"{shape.name}.{name}"
        said, before = self._properties.types(shape, name, old)
        if before is not None and _is_rescaled(before, said):
            rows = self._survey.given(was, old)
            remedy = f"{before} is not turned into {said}: declare a new fact beside it" if rows else ""
            self._changes.append(Change(place, f"was {before}, is {said}", remedy=remedy))
            return
        if then.type == now.type:
            if before is None or said.removesuffix(" | None") == before.removesuffix(" | None"):
                return
            misfits = self._survey.unreadable(was, old, self._database.tables.of[shape].c[name].type)
        else:
            convert = _CONVERSIONS.get((then.type, now.type))
            if convert is None:
                remedy = f"{then.type} is not turned into {now.type}: declare a new fact beside it"
                self._changes.append(Change(place, f"was {_spoken(before or then.type)}", remedy=remedy))
                return
            misfits = convert(self._survey, was, old)
        self._properties.touch(place)
        remedy = f"It does not fit in {rows_whose(misfits)}: change them first, with the App that made them"
        was_said, is_said = _spoken(before or then.type), _spoken(said)
        what = f"is another {is_said}" if was_said == is_said else f"was {was_said}, is {is_said}"
        self._changes.append(Change(place, what, remedy=remedy if misfits else ""))

    def _there(self, shape: Shape) -> str:
        name = self._database.tables.of[shape].name
        return self._renames.tables.get(name, name)


def fill_derived(shape: Shape | None, name: str, fills: dict[str, Any]) -> None:
    """Find what a column that is no fact begins with, where it cannot be empty."""
    if shape is None or name in (BORN, MADE_BY) or name in shape.model.__facts__:
        return
    hidden = {one.name: one.default for one in shape.hidden}
    computed = shape.model.__computed__.get(name)
    value = hidden.get(name) if computed is None else computed.initial
    if value is not None:
        fills[name] = value


_CONVERSIONS: Mapping[tuple[str, str], Callable[[Survey, str, str], int]] = {
    ("BIGINT", "TEXT"): lambda *_: 0,
    ("BIGINT", "FLOAT"): Survey.beyond_floats,
    ("BOOLEAN", "BIGINT"): lambda *_: 0,
    ("FLOAT", "BIGINT"): Survey.unwhole,
    ("TEXT", "BIGINT"): Survey.unwhole,
}
"""Types that values are turned into, and how many of them do not let themselves."""


def _is_rescaled(before: str, said: str) -> bool:
    """Whether a number means something else now: a Decimal is kept as units of its last place, a span as
    microseconds. Which place that was is not known of what was made before it was said.
    """
    one, other = (text.removesuffix(" | None") for text in (before, said))
    if not any(text.startswith(_IN_UNITS) for text in (one, other)):
        return False
    return one != other and not (one == DECIMAL and other.startswith(f"{DECIMAL}("))


_IN_UNITS = (DECIMAL, "timedelta")


def _as_declared(shape: Shape, name: str, value: Any) -> Any:
    """The value, as the type of the fact has it; raises ValidationError."""
    kind: Any = shape.model.model_fields[name].annotation
    return TypeAdapter(kind).validate_python(value)


def _spoken(said: str) -> str:
    """A type as people say it, without the fingerprint of its form."""
    return re.sub(r" [0-9a-f]{24}\b", "", said)


def _values(count: int) -> str:
    return f"{count} value{'' if count == 1 else 's'}"
