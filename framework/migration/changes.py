"""What a migration would do: each change with what it loses, or why it cannot be made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Dialect, Index, Table

from framework.migration.task import Task
from framework.storage.forms import Form, declared_form


@dataclass(frozen=True)
class Change:
    """One change: of a class, a field, a rule or an index."""

    subject: str
    what: str
    lost: int = 0  # values or records that nobody could bring back
    remedy: str = ""  # it cannot be made unless this is done

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}" + (f". {self.remedy}" if self.remedy else "")


@dataclass(frozen=True)
class TableChange:
    """One table that is there in another form."""

    table: Table  # as it is declared
    was: str  # its name there
    present: Form
    kept: Mapping[str, str]  # declared columns that are there already, and what they are called there
    dropped: tuple[str, ...] = ()
    fills: Mapping[str, Any] = field(
        default_factory=dict
    )  # new columns, and those without a value: a value, or what makes one
    resets: Mapping[str, Any] = field(default_factory=dict)  # columns that are to be computed anew

    @property
    def remade(self) -> set[str]:
        """The columns that go, and come back in another form."""
        return set(self.added) & set(self.dropped)

    @property
    def added(self) -> list[str]:
        """The declared columns that are not there yet."""
        return [column.name for column in self.table.columns if column.name not in self.kept]

    def has(self, index: Index, dialect: Dialect) -> bool:
        """Whether an index is there as it is declared, and stays."""
        wanted = declared_form(self.table, dialect).indexes
        named = str(dialect.identifier_preparer.format_index(index)).strip('"')
        form = next(form for form, name in wanted.items() if name == named)
        return self.present.indexes.get(form) == named and not self.remade & set(form.columns)


@dataclass(frozen=True)
class MigrationPlan:
    """What is to be done, as data; `print` it to read it. `app.migrate(plan)` does it."""

    changes: tuple[Change, ...]
    resumes: bool = False  # an earlier migration has not come to its end
    altered: tuple[TableChange, ...] = field(default=(), repr=False, compare=False)
    created: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    breached: tuple[str, ...] = ()  # tables that row-level security does not hold any more
    task: Task = field(default_factory=Task, repr=False)
    is_takeover: bool = False  # the database remembers no declaration
    is_new: bool = False  # the database has no tables yet
    fill: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_changes(self) -> bool:
        """Whether tables, or what is remembered of declarations, have to change."""
        return bool(self.changes or self.created or self.altered or self.dropped or self.is_takeover)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.has_changes or self.resumes)

    @property
    def refusals(self) -> Sequence[Change]:
        """Changes that cannot be made as things are."""
        return [change for change in self.changes if change.remedy]

    @property
    def losses(self) -> Sequence[Change]:
        """Changes that lose facts."""
        return [change for change in self.changes if change.lost]

    def __str__(self) -> str:
        lines = [*map(str, self.changes), *(["An earlier migration goes on."] if self.resumes else [])]
        return "\n".join(lines) or "There is nothing to migrate."


def plain(declared: Column[Any]) -> Column[Any]:
    """A column by its name and type alone, empty at first."""
    return Column(declared.name, declared.type, nullable=True)
