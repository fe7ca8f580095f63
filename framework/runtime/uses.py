"""Uses: what a method of an App or of a transaction is given is what it takes."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from framework.errors import DispatchError
from framework.model.record import Record
from framework.runtime.asking import shortened


class WrongUse(DispatchError):
    """`{use}` takes {wanted}, and was given {given}. Write `{example}`."""


class NoSuchVerb(DispatchError, AttributeError):
    """`{owner}` has no `{verb}`. {remedy}"""


def require(fits: bool, given: Any, use: str, wanted: str, example: str) -> None:
    """Raises WrongUse unless what was given fits."""
    if not fits:
        raise WrongUse(use=use, wanted=wanted, given=shortened(given), example=example)


def check_caller(actor: Any, context: Any) -> None:
    """Raises WrongUse unless the actor is a text and the context a mapping, where there are any."""
    fits = actor is None or isinstance(actor, str)
    require(fits, actor, "actor", "a text, such as the id of a user", 'actor="ada"')
    fits = context is None or isinstance(context, Mapping)
    require(fits, context, "context", "a mapping of what else was said", 'context={"desk": True}')


def check_many(given: Any, use: str, example: str) -> None:
    """Raises WrongUse unless many records, or rows, are given."""
    fits = isinstance(given, Iterable) and not isinstance(given, str | Mapping | Record)
    require(fits, given, use, "many at once", example)


def check_count(given: Any, use: str, example: str) -> None:
    """Raises WrongUse unless it is a whole number from 1 that a database keeps."""
    fits = type(given) is int and 0 < given < 2**31
    require(fits, given, use, "a whole number from 1", example)


def check_span(given: Any, use: str, example: str) -> None:
    """Raises WrongUse unless it is a timedelta."""
    require(isinstance(given, timedelta), given, use, "a timedelta", example)


def check_seconds(given: Any, use: str, example: str) -> None:
    """Raises WrongUse unless it is a number of seconds."""
    fits = isinstance(given, int | float) and not isinstance(given, bool)
    require(fits, given, use, "a number of seconds", example)


_IN_ITS_PLACE = {
    "commit": "It commits at the end of its `with` block.",
    "rollback": "Let an exception leave its `with` block, and nothing is stored.",
    "query": "Ask before it: `app.query(select(Order))`; one record is there by `tx.get(Order, id)`.",
    "save": "Store a new record with `tx.add(order)`, change one with `tx.update(order, paid=True)`.",
    "transaction": "There is one at a time: use this `tx`.",
    "add": "Write `with app.transaction() as tx: tx.add(order)`.",
    "update": "Write `with app.transaction() as tx: tx.update(order, paid=True)`.",
    "delete": "Write `with app.transaction() as tx: tx.delete(order)`.",
    "flush": "What follows is stored at the end of its `with` block.",
}
"""What there is in the place of methods that newcomers look for."""


def missing(owner: object, name: str) -> Any:
    """What `owner` has under a name that it seems not to have; where others have it, says what to use."""
    refuse_verb(owner, name)
    return object.__getattribute__(owner, name)  # raises what is wrong


def refuse_verb(owner: object, name: str) -> None:
    """Raises NoSuchVerb if `owner` lacks what others have under this name."""
    if name in _IN_ITS_PLACE:
        raise NoSuchVerb(owner=type(owner).__name__, verb=name, remedy=_IN_ITS_PLACE[name])
