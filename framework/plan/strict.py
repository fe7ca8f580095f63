"""Test mode: a callback that says what it reads is held to it."""

import copy
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from framework.computations.rule import Rule
from framework.errors import DeclarationError
from framework.model.computation import Computation


class UndeclaredRead(DeclarationError):
    """{place} read {field!r}, which it does not declare. Add it to its `reads`, or its value may be stale."""


class Watched:
    """A record that gives only the fields that were declared; its id and its methods are always there."""

    __slots__ = ("_declared", "_place", "_record")

    def __init__(self, record: Any, declared: Collection[str], place: str) -> None:
        self._record = record
        self._declared = declared
        self._place = place

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._record, name)
        if name == "id" or name in self._declared or name not in self._record.__dict__:
            return value
        raise UndeclaredRead(place=self._place, field=name)


def watched(computation: Computation[Any], place: str) -> Computation[Any]:
    """The computation with its callbacks watched, if it declares what they read; else that was found."""
    declared = getattr(computation, "reads", None)
    if not declared:
        return computation
    fields = {read.partition(".")[0] for read in declared}
    twin = copy.copy(computation)
    for name, callback in vars(computation).items():
        if callable(callback) and not isinstance(callback, type) and name != "step":
            object.__setattr__(twin, name, _watched(callback, fields, place))
    return twin


def watched_rule(rule: Rule[Any, Any], facts: Collection[str]) -> Rule[Any, Any]:
    """The rule with its argument watched, if it declares reads: it may read facts, and what it declares."""
    if not rule.reads:
        return rule
    fields = {*facts, *(read.key for read in rule.reads)}
    return Rule(_watched(rule.function, fields, f"the rule {rule.name}"), rule.reads)


def _watched(callback: Callable[..., Any], declared: Collection[str], place: str) -> Callable[..., Any]:
    @wraps(callback)
    def watching(record: Any, *rest: Any) -> Any:
        return callback(Watched(record, declared, place), *rest)

    return watching
