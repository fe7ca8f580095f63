"""The mistakes of computed properties, and of the functions that are given records."""

from framework.errors import DeclarationError


class UnknownRelation(DeclarationError):
    """{model}.{property}: {computation} is over something that is not a relation of {model}. Name a relation
    declared above it in the class body{remedy}.
    """


class AllRecordsOnEntity(DeclarationError):
    """{model}.{property}: {computation} over all records of {source} is one value, but {model} has many rows.
    Declare it on a `Global`, or name a relation.
    """


class WrongAnnotation(DeclarationError):
    """{model}.{property}: {computation} gives {gives}, but is annotated {annotation}. {remedy}"""


class WrongKeys(DeclarationError):
    """{model}.{property}: {computation} with `by` is a dictionary by {keys}, but is annotated {annotation}.
    Annotate it as dict[key, {gives}], where a key is a str, int, bool, StrEnum, UUID or date.
    """


class ImpossibleValue(DeclarationError):
    """{model}.{property}: {computation}({word}={given!r}) cannot be: the property is a {annotation}. Give
    a value of that type.
    """


class ImpossibleOption(DeclarationError):
    """{model}.{property}: {computation}({word}={given!r}) cannot be: it must be {must}."""


class DeadStep(DeclarationError):
    """{model}.{property} has a step that is never taken: {reason}. Leave it out, or read one relation to many
    and nothing else that is related.
    """


class SecondSource(DeclarationError):
    """{model}.{property} is computed and would have a second source: {source}. A property has one definition:
    remove one of them.
    """


class CyclicComputation(DeclarationError):
    """These define each other: {path}. {remedy}."""


class UnknownRead(DeclarationError):
    """{place} reads {field!r}, but {model} has no such field. Its fields are: {fields}."""


class RelationRead(DeclarationError):
    """{place} reads the relation {model}.{field}. One computation reads one hop: make the further value a
    computed property of {model} and read that.
    """


class Unfollowable(DeclarationError):
    """{place} hands its record to code that cannot be followed ({reason}). Say what it reads:
    `reads=("field", ...)`.
    """


class GivenNoGlobal(DeclarationError):
    """{place} is given {model}, which is no `Global`. Parameters are the one row of a Global; use Lookup for
    a value of another record.
    """


class WrongParameters(DeclarationError):
    """{place} has a callback that takes {taken}, but it is called with {called}. Write it as {remedy}."""


class NotAFunction(DeclarationError):
    """{place} has {given!r} in the place of a callback, which is no function. Write it as {remedy}."""


class AnswersLater(DeclarationError):
    """{place} has a callback that is {kind}, but its value is wanted at once, in the transaction. Write it
    as a plain `def` that returns the value.
    """
