"""What a database is there for, held against what an App declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, inspect, select

from framework.plan.declaration import Declaration
from framework.storage.declared import Declared
from framework.storage.forms import Form, declared_form, present_forms
from framework.storage.tables import Tables


@dataclass(frozen=True)
class Standing:
    """The tables that are there, the declaration that they were made for, and how the App's differ."""

    forms: Mapping[str, Form]
    declaration: Declaration | None  # None: it was made before declarations were remembered
    is_migrating: bool
    missing: Sequence[str]  # tables
    altered: Sequence[str]  # how tables differ that are there
    otherwise: Sequence[str]  # how what is declared differs from what was

    @property
    def differences(self) -> list[str]:
        """All that differs. Of a table that differs there is no need to say that its class does."""
        return [*(f"no table {name}" for name in self.missing), *self.altered, *self.otherwise]


def standing(connection: Connection, tables: Tables, declaration: Declaration) -> Standing:
    """How the database behind a connection stands to the tables and to the declaration of an App."""
    wanted = tables.metadata.tables
    forms = present_forms(connection, wanted)
    remembered = Declared(tables).read(connection)
    altered = [
        difference
        for name, form in sorted(forms.items())
        for difference in declared_form(wanted[name], connection.dialect).differences(name, form)
    ]
    return Standing(
        forms=forms,
        declaration=remembered,
        is_migrating=is_migrating(connection, tables),
        missing=sorted(wanted.keys() - forms.keys()),
        altered=altered,
        otherwise=[] if remembered is None else declaration.differences(remembered),
    )


def is_migrating(connection: Connection, tables: Tables) -> bool:
    """Whether a migration was begun and has not come to its end."""
    table = tables.migrations
    return inspect(connection).has_table(table.name) and bool(connection.execute(select(table.c.id)).first())
