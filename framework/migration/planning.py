"""Planning: the difference between a database and what an App declares, change by change.

1. Find what is called otherwise now.
2. Hold each table against its declared form: columns, types, constraints, indexes.
3. Hold each property and each rule against its fingerprint.
4. Count what would be lost, and what does not fit.
5. Collect what is to be recomputed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from framework.migration.changes import Change, MigrationPlan, TableChange
from framework.migration.constraints import ConstraintChanges
from framework.migration.crossing import crossing_of
from framework.migration.facts import FactChanges, fill_derived
from framework.migration.progress import unfinished
from framework.migration.properties import PropertyChanges
from framework.migration.renames import Renames, former_tables
from framework.migration.rules import rule_changes
from framework.migration.survey import Survey
from framework.migration.tally import rows_of
from framework.migration.task import Task
from framework.plan.shape import Shape
from framework.storage.database import Database
from framework.storage.declared import Declared
from framework.storage.forms import Form, declared_form, present_forms
from framework.storage.rowsecurity import breached

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
        self.facts = FactChanges(database, self.renames, self.survey, self.properties, self.fill)
        self.constraints = ConstraintChanges(self.renames, self.survey, self.forms)
        self.changes: list[Change] = []

    def plan(self) -> MigrationPlan:
        """What has to be done to it."""
        if not self.forms:
            return MigrationPlan(
                changes=(Change("all", "there are no tables yet: they are made"),), is_new=True
            )
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
            self.changes += self.facts.of(shape, was, present, wanted, kept, dropped, fills)
            self.changes += self.properties.of(shape, self.survey, was, kept, dropped)
        for name in wanted.columns:
            one, old = wanted.columns[name], present.columns.get(kept.get(name, ""))
            if (old is None or (old.nullable and not one.nullable)) and not one.generated:
                fill_derived(shape, name, fills)
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


_KINDS = {"entity": "an entity", "event": "an event", "global": "a Global", "call": "a call"}
