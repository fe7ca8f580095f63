"""Test mode: a callback that says what it reads is held to it."""

import copy
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import wraps
from typing import Any

from framework.computations.rule import Rule
from framework.computations.statemachine import StateMachine, Transition
from framework.errors import DeclarationError
from framework.model.computation import Computation
from framework.plan.reads import WATCHED


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
    if isinstance(computation, StateMachine):
        transitions = [_watched_guard(one, f"the guard of {place}") for one in computation.transitions]
        twin = copy.copy(computation)
        twin.transitions = tuple(transitions)
        return twin
    declared = computation.declared_reads()
    if not declared:
        return computation
    return computation.wrapped(lambda callback: _watching(callback, declared, place, computation.given))


def _watched_guard(transition: Transition[Any], place: str) -> Transition[Any]:
    if transition.guard is None or not transition.reads:
        return transition
    return replace(transition, guard=_watching(transition.guard, transition.reads, place, transition.given))


def _watching(
    callback: Callable[..., Any], declared: Collection[str], place: str, given: type[Any] | None
) -> Callable[..., Any]:
    """The callback with its record watched, and what it is given, where reads of that are declared."""
    prefix = f"{given.__name__}." if given else None
    told = {read.removeprefix(prefix) for read in declared if prefix and read.startswith(prefix)}
    own = {read.partition(".")[0] for read in declared if not prefix or not read.startswith(prefix)}

    @wraps(callback)
    def watching(record: Any, *rest: Any) -> Any:
        if told:
            rest = (*rest[:-1], Watched(rest[-1], told, place))
        return callback(Watched(record, own, place), *rest)

    vars(watching)[WATCHED] = callback
    return watching


def watched_where(where: Callable[..., Any], reads: Collection[str] | None, place: str) -> Callable[..., Any]:
    """The condition of a view, watched if it declares what it reads."""
    return _watching(where, reads, place, None) if reads else where


def watched_rule(
    rule: Rule[Any, Any], facts: Collection[str], given: type[Any] | None = None
) -> Rule[Any, Any]:
    """The rule with its arguments watched, if it declares reads: it may read facts, and what it declares."""
    if not rule.reads:
        return rule
    prefix = f"{given.__name__}." if given else ""
    fields = {read if isinstance(read, str) else read.key for read in rule.reads if not _is_of(read, given)}
    told = {f"{prefix}{read.key}" for read in rule.reads if _is_of(read, given)}
    watching = _watching(rule.function, {*facts, *fields, *told}, f"the rule {rule.name}", given)
    return replace(rule, function=watching)


def _is_of(read: Any, given: type[Any] | None) -> bool:
    return given is not None and getattr(read, "class_", None) is given
