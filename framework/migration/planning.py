"""Planning: the difference between a database and what an App declares, change by change.

1. Find what is called otherwise now.
2. Hold each table against its declared form: columns, types, constraints, indexes.
3. Hold each property and each rule against its fingerprint.
4. Count what would be lost, and what does not fit.
5. Collect what is to be recomputed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Table

from framework.migration.changes import Change, MigrationPlan, TableChange
from framework.migration.constraints import ConstraintChanges
from framework.migration.crossing import crossing_of
from framework.migration.progress import unfinished
from framework.migration.properties import PropertyChanges
from framework.migration.renames import Renames, former_tables
from framework.migration.rules import rule_changes
from framework.migration.survey import Survey
from framework.migration.tally import rows_of, rows_whose
from framework.migration.task import Task
from framework.model.fields import UNDEFINED
from framework.plan.shape import Shape
from framework.storage.database import Database
from framework.storage.declared import Declared
from framework.storage.forms import ColumnForm, Form, declared_form, present_forms
from framework.storage.rowsecurity import breached
from framework.storage.tables import BORN, MADE_BY

Fill = Mapping[str, Any]
"""By "Class.fact", the value that records get which have none."""


class Planning:
    """One look at the database behind a connection."""

    def __init__(self, connection: Connection, database: Database, fill: Fill, acting: Sequence[str]) -> None:
        self.database = database
        self.connection = connection
        self.before = Declared(database.tables).read(connection)
        names = set(database.tables.metadata.tables)
        if self.before is not None:
            names |= {form.table for form in self.before.classes.values()}
        self.forms = present_forms(connection, names | former_tables(database.plan, self.before))
        columns = {name: frozenset(form.columns) for name, form in self.forms.items()}
        self.renames = Renames.of(database.plan, self.before, columns)
        self.survey = Survey(connection, database)
        self.given = dict(fill)
        self.fill = dict(fill)
        self.acting = acting
        self.shapes = {table.name: shape for shape, table in database.tables.of.items()}
        self.properties = PropertyChanges(database.plan, database.declaration, self.before, self.renames)
        self.constraints = ConstraintChanges(self.renames, self.survey, self.forms)
        self.changes: list[Change] = []

    def plan(self) -> MigrationPlan:
        """What has to be done to it."""
        if not self.forms:
            return MigrationPlan(changes=())
        if crossing := crossing_of(self.database.plan, self.forms):
            return MigrationPlan(changes=(crossing,))
        tables = self.database.tables.metadata.tables
        created = tuple(name for name in tables if name not in self.forms and name not in self.renames.tables)
        altered = tuple(change for table in tables.values() if (change := self._table(table)) is not None)
        dropped = tuple(self._dropped(tables))
        rules = rule_changes(self.database.plan, self.before, self.renames, self.survey, self.forms)
        self.changes += rules.changes
        self.changes += [
            Change(name, "is to be filled, and is no new fact", remedy=f"Take {name} from `fill`")
            for name in self.fill
        ]
        for name in created:
            if name in self.shapes:
                self.changes.append(Change(self.shapes[name].name, "a new class"))
        if not self.changes and self.before not in (None, self.database.declaration):
            self.changes.append(Change("all declarations", "say the same in other words, which are kept"))
        walls = breached(self.connection, tables.values()) if self.database.plan.tenanted else []
        self.changes += [Change(self._called(name), "is held to its tenants again") for name in walls]
        roots = (*self.properties.roots, *self._hidden_roots(altered), *rules.roots)
        if self.before is None and (altered or self.changes):
            roots = tuple(self.shapes[name].name for name in self.shapes)
        task = Task(
            roots=tuple(dict.fromkeys(roots)),
            added=(*self.properties.added, *rules.added),
            gone=rules.gone,
            acting=tuple(self.acting),
            ended=tuple(self.properties.ended),
        )
        return MigrationPlan(
            changes=tuple(self.changes),
            resumes=bool(unfinished(self.connection, self.database.tables)),
            altered=altered,
            created=created,
            dropped=dropped,
            breached=tuple(walls),
            task=task,
            is_takeover=self.before is None,
            fill=self.given,
        )

    def _table(self, table: Table) -> TableChange | None:
        shape = self.shapes.get(table.name)
        was = self.renames.tables.get(table.name, table.name)
        present = self.forms.get(was)
        if present is None:
            return None
        if shape is not None and was != table.name:
            self.changes.append(Change(shape.name, f"was {self.renames.classes[shape.name]}"))
        if shape is not None and (kind := self.properties.kind(shape)) != shape.kind.value:
            what = f"was {_KINDS[kind]}, is {_KINDS[shape.kind.value]}"
            self.changes.append(
                Change(shape.name, what, remedy="Declare it under another name, beside the old")
            )
            return None
        wanted = declared_form(table, self.database.dialect)
        kept = {
            name: self.renames.columns.get((table.name, name), name)
            for name in wanted.columns
            if self.renames.columns.get((table.name, name), name) in present.columns
        }
        remade = {name for name in kept if self._is_remade(shape, name, wanted, present, kept)}
        kept = {name: old for name, old in kept.items() if name not in remade}
        dropped = tuple(name for name in present.columns if name not in kept.values())
        fills: dict[str, Any] = {}
        if shape is not None:
            self._facts(shape, was, present, wanted, kept, dropped, fills)
            self.changes += self.properties.of(shape, self.survey, was, kept, dropped)
        for name in wanted.columns:
            one, old = wanted.columns[name], present.columns.get(kept.get(name, ""))
            if (old is None or (old.nullable and not one.nullable)) and not one.generated:
                self._fill_derived(shape, name, fills)
        self.changes += self.constraints.of(
            self._called(table.name), table, self.database.dialect, kept, fills
        )
        resets = self.properties.resets(shape, kept) if shape is not None else {}
        same = not list(wanted.differences(table.name, present)) and was == table.name
        if same and not remade and not self.properties.are_changed(shape):  # else its checks may be others
            return None
        return TableChange(table, was, present, kept, dropped, fills, resets)

    def _is_remade(
        self, shape: Shape | None, name: str, wanted: Form, present: Form, kept: Mapping[str, str]
    ) -> bool:
        """Whether a column that is computed has another type now, and is made anew."""
        one, other = wanted.columns[name], present.columns[kept[name]]
        if shape is None or name in shape.model.__facts__ or name == "id":
            return False
        return (one.type, one.generated) != (other.type, other.generated) or (
            one.generated and self.properties.is_changed(shape, name)
        )

    def _facts(
        self, shape: Shape, was: str, present: Form, wanted: Form, kept: Mapping[str, str],
        dropped: Sequence[str], fills: dict[str, Any],
    ) -> None:  # fmt: skip
        empty = not self.survey.rows(was)
        for name in shape.facts:
            place = f"{shape.name}.{name}"
            if name not in kept:
                self._new_fact(shape, name, fills, empty=empty)
                continue
            old = kept[name]
            if old != name:
                self.changes.append(Change(place, f"was {shape.name}.{old}"))
                self.properties.touch(place)
            self._retyped(shape, was, name, old, present.columns[old], wanted.columns[name])
            if present.columns[old].nullable and not wanted.columns[name].nullable:
                self._filled(shape, name, fills, self.survey.missing(was, old), "must have a value now")
            elif not present.columns[old].nullable and wanted.columns[name].nullable:
                self.changes.append(Change(place, "may have no value now"))
        for name in self.properties.lost_facts(shape, dropped):
            lost = 0 if empty else self.survey.given(was, name)
            self.changes.append(Change(f"{shape.name}.{name}", f"is gone, with {_values(lost)}", lost=lost))

    def _new_fact(self, shape: Shape, name: str, fills: dict[str, Any], *, empty: bool) -> None:
        place = f"{shape.name}.{name}"
        self.properties.touch(place)
        if empty:
            self.fill.pop(place, None)
            self.changes.append(Change(place, "a new fact"))
            return
        default = shape.model.__facts__[name]
        nullable = bool(self.database.tables.of[shape].c[name].nullable)
        if place not in self.fill and default in (None, UNDEFINED) and nullable:
            self.changes.append(Change(place, "a new fact, without a value"))
        else:
            self._filled(shape, name, fills, self.survey.rows(self._there(shape)), "a new fact")

    def _filled(self, shape: Shape, name: str, fills: dict[str, Any], rows: int, what: str) -> None:
        """Find what the rows without a value get."""
        place = f"{shape.name}.{name}"
        value = self.fill.pop(place, shape.model.__facts__[name])
        if rows and value in (None, UNDEFINED):
            remedy = f"There is no value in {rows_whose(rows)}: give it a default, or fill it: {place}=..."
            self.changes.append(Change(place, what, remedy=remedy))
            return
        if value in (None, UNDEFINED):
            self.changes.append(Change(place, what))
            return
        self.properties.touch(place)
        if callable(value):
            fills[name] = value
            self.changes.append(Change(place, f"{what}, {rows_of(rows)} get one of their own"))
            return
        try:
            fills[name] = _as_declared(shape, name, value)
        except ValidationError:
            remedy = f"{value!r} is no value of its type: fill it with another"
            self.changes.append(Change(place, what, remedy=remedy))
        else:
            self.changes.append(Change(place, f"{what}, {rows_of(rows)} get {fills[name]!r}"))

    def _fill_derived(self, shape: Shape | None, name: str, fills: dict[str, Any]) -> None:
        if shape is None or name in (BORN, MADE_BY) or name in shape.model.__facts__:
            return
        hidden = {one.name: one.default for one in shape.hidden}
        computed = shape.model.__computed__.get(name)
        value = hidden.get(name) if computed is None else computed.initial
        if value is not None:
            fills[name] = value

    def _retyped(
        self, shape: Shape, was: str, name: str, old: str, then: ColumnForm, now: ColumnForm
    ) -> None:
        """A fact of another type: values that are not of it are in the way."""
        place = f"{shape.name}.{name}"
        said, before = self.properties.types(shape, name, old)
        if then.type == now.type:
            if before is None or said.removesuffix(" | None") == before.removesuffix(" | None"):
                return
            misfits = self.survey.unreadable(was, old, self.database.tables.of[shape].c[name].type)
        else:
            convert = _CONVERSIONS.get((then.type, now.type))
            if convert is None:
                remedy = f"{then.type} is not turned into {now.type}: declare a new fact beside it"
                self.changes.append(Change(place, f"was {before or then.type}", remedy=remedy))
                return
            misfits = convert(self.survey, was, old)
        self.properties.touch(place)
        remedy = f"It does not fit in {rows_whose(misfits)}: change them first, with the App that made them"
        what = f"was {before or then.type}, is {said}"
        self.changes.append(Change(place, what, remedy=remedy if misfits else ""))

    def _dropped(self, tables: Mapping[str, Table]) -> Iterator[str]:
        if self.before is None:
            return
        taken = set(self.renames.tables.values())
        for name, form in self.before.classes.items():
            if form.table in self.forms and form.table not in tables and form.table not in taken:
                lost = self.survey.rows(form.table)
                self.changes.append(Change(name, f"the class is gone, with {rows_of(lost)}", lost=lost))
                yield form.table

    def _hidden_roots(self, altered: Sequence[TableChange]) -> Iterator[str]:
        """Classes with new hidden columns that no changed property explains."""
        for change in altered:
            shape = self.shapes.get(change.table.name)
            if shape is not None:
                hidden = {one.name for one in shape.hidden} & set(change.added)
                if any(not self.properties.explains(name) for name in hidden):
                    yield shape.name

    def _called(self, table: str) -> str:
        """What people call what a table holds."""
        return self.shapes[table].name if table in self.shapes else table

    def _there(self, shape: Shape) -> str:
        name = self.database.tables.of[shape].name
        return self.renames.tables.get(name, name)


_KINDS = {"entity": "an entity", "event": "an event", "global": "a Global", "call": "a call"}

_CONVERSIONS: Mapping[tuple[str, str], Callable[[Survey, str, str], int]] = {
    ("BIGINT", "TEXT"): lambda *_: 0,
    ("BIGINT", "FLOAT"): Survey.beyond_floats,
    ("BOOLEAN", "BIGINT"): lambda *_: 0,
    ("FLOAT", "BIGINT"): Survey.unwhole,
    ("TEXT", "BIGINT"): Survey.unwhole,
}
"""Types that values are turned into, and how many of them do not let themselves."""


def _as_declared(shape: Shape, name: str, value: Any) -> Any:
    """The value, as the type of the fact has it; raises ValidationError."""
    kind: Any = shape.model.model_fields[name].annotation
    return TypeAdapter(kind).validate_python(value)


def _values(count: int) -> str:
    return f"{count} value{'' if count == 1 else 's'}"
