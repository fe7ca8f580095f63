"""Declarations are inert: each scope of declarations keeps its own names, so two programs share nothing."""

from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import registry

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Scope:
    """The tables and class names that one module, or one run of one function, declares."""

    def __init__(self) -> None:
        self.metadata = MetaData(naming_convention=NAMING)
        self.registry = registry(metadata=self.metadata)

    def knows(self, table: str) -> bool:
        return table in self.metadata.tables

    def introduce(self, table: Table) -> None:
        """Let foreign keys of this scope find a table that another scope declares."""
        if table.key not in self.metadata.tables:
            self.metadata._add_table(table.name, table.schema, table)

    def introduce_class(self, model: type) -> None:
        """Let relations of this scope find a class by its name that another scope declares."""
        self.registry._class_registry.setdefault(model.__name__, model)

    def known_class(self, name: str) -> object:
        """What relations of this scope find by the name."""
        return self.registry._class_registry.get(name)


_scopes: "WeakValueDictionary[str, Scope]" = WeakValueDictionary()


def scope_of(namespace: dict[str, Any], table: str) -> Scope:
    """The scope that a class body stands in.

    A table name that the scope has already means that its code runs again (a fixture, a reloaded module):
    what follows belongs to a new scope of the same place.
    """
    place = f"{namespace['__module__']}:{namespace['__qualname__'].rpartition('.')[0]}"
    scope = _scopes.get(place)
    if scope is None or scope.knows(table):
        scope = _scopes[place] = Scope()
    return scope
