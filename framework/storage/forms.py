"""Forms: how tables lie in a database, as they are declared and as they are there, so as to be compared."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Dialect, ForeignKeyConstraint, Table, UniqueConstraint, inspect
from sqlalchemy.types import TypeEngine


@dataclass(frozen=True)
class ColumnForm:
    """A column: its type as the database calls it, and whether the database derives it."""

    type: str
    nullable: bool
    generated: bool = False

    def __str__(self) -> str:
        return f"{self.type}{'' if self.nullable else ' NOT NULL'}{' (generated)' if self.generated else ''}"


@dataclass(frozen=True, order=True)
class IndexForm:
    """An index, by what it is for."""

    columns: tuple[str, ...]
    unique: bool
    where: str = ""

    def __str__(self) -> str:
        unique, where = "unique " if self.unique else "", f" where {self.where}" if self.where else ""
        return f"{unique}index on {', '.join(self.columns)}{where}"


@dataclass(frozen=True, order=True)
class ReferenceForm:
    """A foreign key; the column is the last one, for that of the tenant leads it where there are tenants."""

    column: str
    target: str
    ondelete: str

    def __str__(self) -> str:
        then = f" on delete {self.ondelete}" if self.ondelete else ""
        return f"reference {self.column} to {self.target}{then}"


@dataclass(frozen=True)
class Form:
    """One table. Columns that make it unique are listed as unique indexes are: they do the same."""

    columns: Mapping[str, ColumnForm]
    indexes: Mapping[IndexForm, str] = field(default_factory=dict)  # -> their names
    uniques: Mapping[tuple[str, ...], str | None] = field(default_factory=dict)
    references: Mapping[ReferenceForm, str | None] = field(default_factory=dict)

    def differences(self, name: str, present: "Form") -> Iterator[str]:
        """How a table that is there differs from this form."""
        for column in self.columns:
            there = present.columns.get(column)
            if there is None:
                yield f"{name} has no column {column}"
            elif there != self.columns[column]:
                yield f"{name}.{column} is {there}, not {self.columns[column]}"
        yield from (f"{name} has a column {one} too many" for one in present.columns.keys() - self.columns)
        yield from (f"{name} has no {one}" for one in self.indexes.keys() - present.indexes.keys())
        yield from (f"{name} has an {one} too many" for one in present.indexes.keys() - self.indexes.keys())
        yield from (
            f"{name} is not unique by {', '.join(one)}" for one in self.uniques.keys() - present.uniques
        )
        yield from (f"{name} is unique by {', '.join(one)}" for one in present.uniques.keys() - self.uniques)
        yield from (f"{name} has no {one}" for one in self.references.keys() - present.references.keys())
        yield from (f"{name} has a {one}" for one in present.references.keys() - self.references.keys())


def declared_form(table: Table, dialect: Dialect) -> Form:
    """A table as it is declared."""
    preparer: Any = dialect.identifier_preparer
    return Form(
        columns={
            one.name: ColumnForm(
                _type(one.type, dialect),
                bool(one.nullable) or one.computed is not None,
                one.computed is not None,
            )
            for one in table.columns
        },
        indexes={
            IndexForm(
                tuple(column.name for column in index.columns),
                bool(index.unique),
                _condition(_compiled(index.dialect_options[dialect.name].get("where"), dialect)),
            ): str(preparer.format_index(index)).strip('"')
            for index in table.indexes
        },
        uniques={
            tuple(column.name for column in one.columns): str(preparer.format_constraint(one)).strip('"')
            for one in table.constraints
            if isinstance(one, UniqueConstraint)
        },
        references={
            ReferenceForm(
                one.columns.keys()[-1], one.elements[0].target_fullname.partition(".")[0], one.ondelete or ""
            ): str(preparer.format_constraint(one)).strip('"')
            for one in table.constraints
            if isinstance(one, ForeignKeyConstraint)
        },
    )


def present_forms(connection: Connection, names: Iterable[str]) -> dict[str, Form]:
    """The tables of these names that are there, as they are."""
    inspector: Any = inspect(connection)
    wanted = set(names) & set(inspector.get_table_names())
    if not wanted:
        return {}
    asked = {"filter_names": sorted(wanted)}
    columns = _by_name(inspector.get_multi_columns(**asked))
    indexes = _by_name(inspector.get_multi_indexes(**asked))
    uniques = _by_name(inspector.get_multi_unique_constraints(**asked))
    references = _by_name(inspector.get_multi_foreign_keys(**asked))
    return {
        name: Form(
            columns={
                one["name"]: ColumnForm(
                    _type(one["type"], connection.dialect),
                    one["nullable"] or "computed" in one,
                    "computed" in one,
                )
                for one in columns[name]
            },
            indexes={
                IndexForm(
                    tuple(one["column_names"]),
                    bool(one["unique"]),
                    _condition(one.get("dialect_options", {}).get(f"{connection.dialect.name}_where")),
                ): one["name"]
                for one in indexes.get(name, ())
                if "duplicates_constraint" not in one
            },
            uniques={tuple(one["column_names"]): one["name"] for one in uniques.get(name, ())},
            references={
                ReferenceForm(
                    one["constrained_columns"][-1],
                    one["referred_table"],
                    one["options"].get("ondelete", "") or "",
                ): one["name"]
                for one in references.get(name, ())
            },
        )
        for name in wanted
    }


def _by_name(found: Mapping[tuple[str | None, str], Any]) -> dict[str, Any]:
    return {name: value for (_, name), value in found.items()}


_SAME = {"DOUBLE PRECISION": "FLOAT", "DOUBLE PRECISION(53)": "FLOAT", "CHAR(32)": "UUID"}


def _type(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """The type as the database calls it, without its collation."""
    text = kind.compile(dialect=dialect).partition(" COLLATE")[0]
    return _SAME.get(text, text)


_CAST = re.compile(r"::(?:character varying|double precision|timestamp with(?:out)? time zone|\w+)")
"""What PostgreSQL adds to values."""


_OTHER_WORDS = (
    (re.compile(r"= any array ?\[(.*?)\]"), r"in \1"),
    (re.compile(r"<> all array ?\[(.*?)\]"), r"not in \1"),
    (re.compile(r"!~~"), "not like"),
    (re.compile(r"~~"), "like"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"\+00:00'"), "+00'"),
)
"""What PostgreSQL says in other words than it was told."""


def _condition(where: Any) -> str:
    """A condition without what databases add to it."""
    if where is None:
        return ""
    text = re.sub(r"[\s\"()]+", " ", _CAST.sub("", str(where))).strip().lower()
    for said, meant in _OTHER_WORDS:
        text = said.sub(meant, text)
    return text


def _compiled(where: Any, dialect: Dialect) -> str | None:
    """A condition as it is told to the database."""
    if where is None:
        return None
    options = {"literal_binds": True, "include_table": False}
    return str(where.compile(dialect=dialect, compile_kwargs=options))
