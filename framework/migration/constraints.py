"""What changes about constraints and indexes, and which rows are in the way."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, Dialect, Table, literal, null
from sqlalchemy import column as named
from sqlalchemy.sql.visitors import iterate

from framework.migration.changes import Change
from framework.migration.renames import Renames
from framework.migration.survey import Survey
from framework.migration.tally import rows_whose
from framework.storage.forms import Form, IndexForm, declared_form
from framework.storage.scoping import TENANT
from framework.storage.tables import MADE_BY


class ConstraintChanges:
    """Constraints and indexes of tables that are there, held against those that are declared."""

    def __init__(self, renames: Renames, survey: Survey, forms: Mapping[str, Form]) -> None:
        self._renames = renames
        self._survey = survey
        self._forms = forms

    def of(
        self, name: str, table: Table, dialect: Dialect, kept: Mapping[str, str], fills: Mapping[str, Any]
    ) -> Iterator[Change]:
        """The changes of one table, which people call by this name."""
        was = self._renames.tables.get(table.name, table.name)
        wanted = _called(declared_form(table, dialect), {}, {})
        there = {old: new for new, old in kept.items()}
        tables = {old: new for new, old in self._renames.tables.items()}
        present = _called(self._forms[was], there, tables)
        yield from self._uniques(name, table, dialect, wanted, present, kept, fills)
        for reference in sorted(wanted.references.keys() - present.references.keys()):
            if reference.column in kept:
                target = self._renames.tables.get(reference.target, reference.target)
                known = target if target in self._forms else None
                lost = self._survey.dangling(was, kept[reference.column], known)
                remedy = f"It refers to nothing in {rows_whose(lost)}: change them first" if lost else ""
                yield Change(name, f"{reference}", remedy=remedy)
        for one in sorted(wanted.indexes.keys() - present.indexes.keys()):
            if not one.unique and not any(column.startswith("_") for column in one.columns):
                yield Change(name, f"new {one}")
        for one in sorted(present.indexes.keys() - wanted.indexes.keys()):
            if all(column in kept and not column.startswith("_") for column in one.columns):
                yield Change(name, f"no {one} any more")
        for columns in sorted(present.uniques.keys() - wanted.uniques.keys()):
            yield Change(name, f"not unique by {', '.join(columns)} any more")
        for reference in sorted(present.references.keys() - wanted.references.keys()):
            if reference.column in kept:
                yield Change(name, f"no {reference} any more")

    def _uniques(
        self, name: str, table: Table, dialect: Dialect, wanted: Form, present: Form,
        kept: Mapping[str, str], fills: Mapping[str, Any],
    ) -> Iterator[Change]:  # fmt: skip
        was = self._renames.tables.get(table.name, table.name)
        unique: list[tuple[tuple[str, ...], IndexForm | None]] = [
            (columns, None) for columns in wanted.uniques.keys() - present.uniques.keys()
        ]
        unique += [(one.columns, one) for one in wanted.indexes.keys() - present.indexes.keys() if one.unique]
        for columns, index in sorted(unique, key=str):
            if MADE_BY in columns:
                continue
            condition = _condition(table, columns, dialect) if index is not None and index.where else None
            read = {*columns, *(() if condition is None else columns_of(condition))}
            known = {one: _now(table.c[one], kept, fills) for one in read}
            alike: Any = 0
            if any(one in kept for one in columns) and all(one is not None for one in known.values()):
                where = None if condition is None else _text(condition, dialect)
                alike = self._survey.alike(was, known, columns, where)
            remedy = f"It is not so in {rows_whose(alike)}: change them first" if alike else ""
            yield Change(name, f"unique by {', '.join(columns)}", remedy=remedy)


def _now(column: Column[Any], kept: Mapping[str, str], fills: Mapping[str, Any]) -> Any:
    """What a column will have, as a row has it now; None where each row gets a value of its own."""
    if column.name in kept:
        return named(kept[column.name])
    if column.name in fills and not callable(fills[column.name]):
        return literal(fills[column.name], column.type)
    return null() if column.nullable else None


def _condition(table: Table, columns: Sequence[str], dialect: Dialect) -> Any:
    """The condition of a unique index."""
    (found,) = [one for one in table.indexes if one.unique and _own(one.columns.keys()) == columns]
    return found.dialect_options[dialect.name]["where"]


def columns_of(condition: Any) -> set[str]:
    """The columns that a condition reads."""
    return {one.name for one in iterate(condition) if isinstance(one, Column)}


def _text(condition: Any, dialect: Dialect) -> str:
    options = {"literal_binds": True, "include_table": False}
    return str(condition.compile(dialect=dialect, compile_kwargs=options))


def _called(form: Form, names: Mapping[str, str], tables: Mapping[str, str]) -> Form:
    """The form as people speak of it: by the names of today, and without the tenant that leads every key."""

    def now(columns: Sequence[str]) -> tuple[str, ...]:
        return tuple(names.get(one, one) for one in _own(columns))

    return Form(
        columns=form.columns,
        indexes={
            replace(one, columns=now(one.columns), where=_said(one.where, names)): name
            for one, name in form.indexes.items()
        },
        uniques={now(one): name for one, name in form.uniques.items()},
        references={
            replace(
                one, column=names.get(one.column, one.column), target=tables.get(one.target, one.target)
            ): name
            for one, name in form.references.items()
        },
    )


def _said(where: str, names: Mapping[str, str]) -> str:
    """A condition by the names of today."""
    return re.sub(r"\w+", lambda word: names.get(word.group(), word.group()), where)


def _own(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in columns if one != TENANT)
