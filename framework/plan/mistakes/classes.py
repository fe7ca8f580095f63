"""The mistakes of a class, its table and its fields."""

from framework.errors import DeclarationError


class NotADeclaration(DeclarationError):
    """{thing!r} is neither a module, a record class with `table=True`, nor a rule. Pass App(modules=[...])
    modules, or lists of classes and rules.
    """


class ConditionAlone(DeclarationError):
    """The condition {condition} guards nothing by itself. Give the App what it guards:
    `guard(OrderCancelled)({condition})`.
    """


class TableCollision(DeclarationError):
    """{one} and {other} would both be kept in the table {table!r}. Give one of them a `__tablename__` of its
    own.
    """


class ReservedTable(DeclarationError):
    """{model} would be kept in the table {table!r}, but names that begin with `millrace_` are the engine's
    own. Give the class another `__tablename__`.
    """


class NameTooLong(DeclarationError):
    """{place}: {what} would be called {name!r}, and PostgreSQL keeps no more than 63 bytes of a name. Take a
    shorter one.
    """


class UnknownType(DeclarationError):
    """{model}.{field} is declared as {annotation}, for which there is no column. Use str, int, bool, float,
    bytes, UUID, datetime, date, timedelta, a StrEnum, a Payload, a dataclass, or a Decimal with as many
    decimal places as it has: `Annotated[Decimal, Field(decimal_places=2)]`.
    """


class UnresolvedType(DeclarationError):
    """{model}.{field} is declared as {annotation}, in which {name!r} means nothing. Declare that above it, or
    import it there.
    """


class RecordInAField(DeclarationError):
    """{model}.{field} is declared as {annotation}, but a record is kept in its own table. Declare its key and
    the relation: {remedy}.
    """


class OwnFact(DeclarationError):
    """{model}.{field} is declared as {annotation}, but of every {kind} it is a {wanted}, which the framework
    gives it. Take the declaration out, and keep other values in a field of another name.
    """


class TwoKinds(DeclarationError):
    """{model} is declared as {one} and as {other} at once. Make it one of them, and refer to the other by a
    foreign key.
    """


class NoRequest(DeclarationError):
    """{model}.request is {annotation}, but a call keeps what it asks for as a payload. Declare
    `class {model}Request(Payload):` and `request: {model}Request`.
    """


class IndexOfJson(DeclarationError):
    """{model}.{field} is kept as JSON, of which no index is made, and so nothing is unique by it. Give what
    is looked for a field of its own.
    """


class GlobalWithoutDefault(DeclarationError):
    """{model}.{field} has no default, but the row of a Global is there from the start. Give it a default."""


class ImpossibleDefault(DeclarationError):
    """{model}.{field} has the default {default!r}, with which no record could be stored: {problem}. Give it
    one that is valid, or none; for None, annotate it `| None`.
    """


class ImpossibleConstraint(DeclarationError):
    """{model}.{field} is declared as {annotation} with constraints that it cannot have: {problem}. Leave them
    out, or annotate it as what they are for.
    """


class UnheardValidator(DeclarationError):
    """{model}.{validator} validates the whole model, but facts are validated one by one. Use
    `@field_validator`, or a `@guard` on the event.
    """


class FutureAnnotations(DeclarationError):
    """{model} is declared under `from __future__ import annotations`, which hides the types of its relations.
    Remove that line from {module}.
    """


class ForeignMixin(DeclarationError):
    """{model}.{field} comes from {mixin}, which is no record class, so that its column would keep values as
    it likes. Declare `class {mixin}({kind}):` without `table=True`.
    """


class QuotedAnnotation(DeclarationError):
    """{model}.{field} is annotated with the text {annotation!r}, which says no type to make a column of.
    Write it without quotes; only relations may need them.
    """


class NoRecordClass(DeclarationError):
    """{thing!r} is no class. Name the class of the record first, and then its id: `app.get(Order, id)`."""


class UndeclaredRecord(DeclarationError):
    """{place} needs {model}, which is not part of this App. Add it to the App's modules."""


class CannotBeTaken(DeclarationError):
    """{model}.{field} cannot be taken over: {reason}"""


class TwoUniques(DeclarationError):
    """{model} says twice that {fields} is unique. Keep one, so that a violation has one code."""


class UnusableFilter(DeclarationError):
    """{model}: the filter of Unique({fields}) cannot be used: {reason}. Give a condition on the columns of
    {model}, such as `where=lambda row: row.closed_at.is_(None)`.
    """


class UnusableRetention(DeclarationError):
    """{model} cannot be retained like this: {reason}"""


class RenamedUnknown(DeclarationError):
    """{model}.__renamed__ says what {field!r} was called, and {model} keeps nothing of that name. It keeps:
    {fields}. All else is computed anew.
    """


class RenamedOnto(DeclarationError):
    """{model}.__renamed__ says that {former} was its former name, but {former} is still declared. Remove one
    of both.
    """
