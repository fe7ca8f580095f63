"""What is unique: values that no two records of a class have, or no two of those that meet a condition."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Table, UniqueConstraint
from sqlalchemy.exc import ArgumentError

from framework.errors import DeclarationError
from framework.model.words import check_text

Where = Callable[[Any], ColumnElement[bool]]
"""From the columns of a class, by name, to the condition that its records must meet."""

CODE = "code"
LATER = "unique"
"""Where a table keeps what only an App can make of it."""


class UnusableUnique(DeclarationError):
    """`Unique({fields})` cannot be declared: {problem}. Write `Unique("email", code="email_taken")`, with
    `where=lambda row: ...` if it is to hold of some records only.
    """


class Unique(UniqueConstraint):
    """No two records have these values: `__table_args__ = (Unique("email", code="email_taken"),)`.

    `code` is what a violation carries for programs (`AlreadyExists.code`); without it, the names of the
    fields and `taken`. With `where` it holds among the records that meet the condition alone:
    `Unique("email", where=lambda user: user.closed_at.is_(None))`. A value that is None is never taken.
    """

    def __init__(
        self, *fields: Any, code: str | None = None, where: Where | None = None, **options: Any
    ) -> None:
        self.fields = tuple(str(getattr(field, "key", field)) for field in fields)
        self.where = where
        check_text(code, "Unique", "code")
        try:
            if not fields:
                raise TypeError("it names no field")
            super().__init__(*fields, **options)
        except (TypeError, ArgumentError) as error:
            problem = str(error).removesuffix(".")
            raise UnusableUnique(fields=", ".join(map(repr, fields)), problem=problem) from None
        if code is not None:
            self.info[CODE] = code

    def _set_parent(self, parent: Any, **options: Any) -> None:
        if isinstance(parent, Table) and (self.where or not set(self.fields) <= set(parent.columns.keys())):
            parent.info.setdefault(LATER, []).append(self)
            return
        super()._set_parent(parent, **options)
