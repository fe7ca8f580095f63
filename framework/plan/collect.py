"""Find the declarations that an App is given."""

import __future__

import inspect
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sqlmodel import SQLModel

from framework.computations.activity import Activity
from framework.computations.admission import Condition, Guard
from framework.computations.policy import QueryPolicy
from framework.computations.retention import Retention
from framework.computations.rule import Rule
from framework.model.apicall import APICall, IntegrationEvent
from framework.model.entity import Entity, Event, Global
from framework.model.record import Record, is_filtered
from framework.plan.ends import rule_of_ends
from framework.plan.mistakes import (
    ConditionAlone,
    ForeignMixin,
    FutureAnnotations,
    NotADeclaration,
    QuotedAnnotation,
)


@dataclass(frozen=True)
class Declarations:
    """The record classes, and what is said of them, each once, in the order of declaration."""

    models: tuple[type[Record], ...]
    filtered: tuple[type[Record], ...]
    rules: tuple[Rule[Any, Any], ...]
    guards: tuple[Guard, ...] = ()
    policies: tuple[QueryPolicy, ...] = ()
    activities: tuple[Activity, ...] = ()
    retentions: tuple[Retention, ...] = ()


def collect(modules: Iterable[object]) -> Declarations:
    """All declarations of modules, of lists of classes and rules, or of single ones."""
    found = dict.fromkeys(_flatten(modules))
    classes = [thing for thing in found if isinstance(thing, type) and is_record(thing)]
    for base in found.keys() - set(classes):
        if isinstance(base, type) and not any(issubclass(model, base) for model in classes):
            raise NotADeclaration(thing=base)  # it stands for those that extend it, and there are none
    models: list[Any] = [model for model in classes if not is_filtered(model)]
    if any(issubclass(model, APICall) for model in models) and IntegrationEvent not in models:
        models.append(IntegrationEvent)
    rules = [thing for thing in found if isinstance(thing, Rule)]
    for end in [vars(model)["__end__"] for model in models if "__end__" in vars(model)]:
        models.append(end)
        rules.append(rule_of_ends(end))
    for model in models:
        for declaring in [one for one in model.__mro__ if one not in SQLModel.__mro__]:
            _refuse_annotations_in_quotes(declaring, model.model_fields)
            _refuse_foreign_fields(declaring, model)
    return Declarations(
        tuple(models),
        tuple(model for model in classes if is_filtered(model)),
        tuple(rules),
        tuple(thing for thing in found if isinstance(thing, Guard)),
        tuple(thing for thing in found if isinstance(thing, QueryPolicy)),
        tuple(thing for thing in found if isinstance(thing, Activity)),
        tuple(thing for thing in found if isinstance(thing, Retention)),
    )


def _refuse_annotations_in_quotes(declaring: Any, fields: Collection[str]) -> None:
    """A column is made of the type itself; of text it would be made for anything."""
    annotations = inspect.get_annotations(declaring)
    quoted = {name: text for name, text in annotations.items() if isinstance(text, str)}
    if issubclass(declaring, Record) and annotations and len(quoted) == len(annotations):
        module = sys.modules.get(declaring.__module__)
        if module is None or getattr(module, "annotations", None) is __future__.annotations:
            raise FutureAnnotations(model=declaring.__name__, module=declaring.__module__)
    for name, text in quoted.items():
        if name in fields:
            raise QuotedAnnotation(model=declaring.__name__, field=name, annotation=text)


def _refuse_foreign_fields(declaring: type, model: Any) -> None:
    """Only record classes see to it that columns keep their values alike on every database."""
    if issubclass(declaring, Record):
        return
    for name in inspect.get_annotations(declaring):
        if name in model.model_fields:
            kind = next(one for one in (Event, Global, APICall, Entity) if issubclass(model, one))
            raise ForeignMixin(model=model.__name__, field=name, mixin=declaring.__name__, kind=kind.__name__)


_SAID = (Guard, QueryPolicy, Activity, Retention)
"""What is said of record classes, wherever it was declared."""


def is_record(thing: object) -> bool:
    """Whether the thing is a record class with a table of its own, or a view."""
    return (
        isinstance(thing, type)
        and issubclass(thing, Record)
        and (bool(thing.model_config.get("table")) or is_filtered(thing))
    )


def _flatten(things: Iterable[object]) -> Iterator[Any]:
    for thing in things:
        if isinstance(thing, ModuleType):
            yield from _members(thing)
        elif isinstance(thing, (list, tuple, set, frozenset)):
            yield from _flatten(thing)
        elif isinstance(thing, (Rule, *_SAID)) or (isinstance(thing, type) and issubclass(thing, Record)):
            yield thing
        elif isinstance(thing, Condition):
            raise ConditionAlone(condition=thing.name)
        else:
            raise NotADeclaration(thing=thing)


def _members(module: ModuleType) -> Iterator[Any]:
    for thing in vars(module).values():
        place = thing.function.__module__ if isinstance(thing, Rule) else getattr(thing, "__module__", None)
        if isinstance(thing, _SAID) or (
            place == module.__name__ and (is_record(thing) or isinstance(thing, Rule))
        ):
            yield thing
