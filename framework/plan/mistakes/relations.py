"""The mistakes of keys, relations and links."""

from framework.errors import DeclarationError


class UnknownTable(DeclarationError):
    """{model}.{field} refers to {target!r}, but no class of this App is kept in that table. Add its class to
    the App's modules, or correct the name.
    """


class KeyOfAnotherType(DeclarationError):
    """{model}.{field} is declared as {annotation}, but refers to {target}.{key}, which is a {wanted}.
    Annotate it as {wanted}.
    """


class KeyToNoId(DeclarationError):
    """{model}.{field} refers to {target!r}, but records are referred to by their id. Refer to
    `foreign_key="{table}.id"`, and read the other value through a relation.
    """


class UnknownOndelete(DeclarationError):
    """{model}.{field} declares `ondelete={ondelete!r}`, which means nothing. Say "CASCADE", "SET NULL" or
    "RESTRICT", or leave it out: then what refers to a record keeps it.
    """


class BrokenRelation(DeclarationError):
    """{model}.{relation} cannot be joined: {reason} Declare one foreign key between the two classes, or name
    the one that joins them: `Relationship(by="...")`.
    """


class AmbiguousRelation(DeclarationError):
    """{model}.{relation} could go by several foreign keys: {keys}. Say by which one:
    `Relationship(by="{first}")`.
    """


class WrongSide(DeclarationError):
    """{model}.{property}: {computation} needs a {expected} relation, but {model}.{relation} is
    {actual}. {remedy}
    """


class RelationToView(DeclarationError):
    """{model}.{relation} is a relation to {view}, which is a view of {base} and has no table of its own.
    Declare the relation to {base}, and take a part of it: `{part} = subset({relation}, {view})`.
    """


class RelationToSeveral(DeclarationError):
    """{model}.{relation} is a relation to {base}, which has no table of its own: its records are in those of
    {classes}. Declare a relation to each of them, and merge these: `{relation}: ... = merged(...)`.
    """


class SeveralNamed(DeclarationError):
    """{place} names {model}, which has no table of its own: its records are in those of {classes}. Name each
    of these there.
    """


class ViewNamed(DeclarationError):
    """{place} names {model}, which is a view of {base} and has no table of its own. Name {base} there."""


class KeyToSeveral(DeclarationError):
    """{model}.{field} refers to {target!r}, but {base} has no table of its own: its records are in those of
    {classes}. Declare a key and a relation to each of them, and merge the relations: `merged({relations})`.
    """


class AmbiguousSide(DeclarationError):
    """{model}.{relation} joins {model} with itself, and cannot tell the one from the many. Name the key that
    joins them on both sides: `Relationship(by="...")`.
    """


class LinkTableRelation(DeclarationError):
    """{model}.{relation} goes through {link}, which is no record class. Declare the link as an `Entity` with
    `table=True` and two foreign keys, and name it: `Relationship(link_model=...)`.
    """


class BrokenLink(DeclarationError):
    """{model}.{relation} cannot go through {link}: {reason}"""


class AmbiguousLink(DeclarationError):
    """{model}.{relation} goes through {link}, where {keys} both name a {model}. Say which of them is the one
    that has the relation: `by={link}.{first}` or `by={link}.{second}`.
    """


class RepeatedPairs(DeclarationError):
    """{model}.{relation} goes through {link}, which may link the same two twice. Declare
    `__table_args__ = (Unique({keys}),)` on {link}; or relate to {link} itself, if each link counts.
    """


class SameSide(DeclarationError):
    """{model}.{one} and {model}.{other} both go through {link} by {key}, so they are one relation. Drop one,
    or let it go by the other key.
    """
