"""Nodes from rules: from which class they make which, and what they read."""

import inspect
import typing
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, NamedTuple, get_args, get_type_hints

from framework.computations.rule import Rule
from framework.model.apicall import IntegrationEvent
from framework.model.columns import without_none
from framework.model.entity import Global
from framework.model.record import Record, is_filtered
from framework.plan.given import given_to
from framework.plan.lens import Lens, presence
from framework.plan.mistakes import (
    CannotBeTaken,
    RuleFeedsWrongKind,
    TwoRulesOneName,
    UndeclaredRecord,
    UndeclaredRuleRead,
    Unfollowable,
    UnfollowableRule,
    UnknownRead,
    UntypedRule,
)
from framework.plan.node import RuleNode
from framework.plan.reading import read_fields
from framework.plan.reads import reads_of
from framework.plan.shape import Kind, Shape
from framework.plan.shapes import Shapes
from framework.plan.strict import watched_rule
from framework.plan.views import sources_of


def rule_nodes(
    shapes: Shapes, rules: Iterable[Rule[Any, Any]], *, strict_reads: bool = False
) -> list[RuleNode]:
    """A node for each rule, after its types and its reads have been checked."""
    nodes: list[RuleNode] = []
    keys: set[str] = set()
    for rule in rules:
        if rule.key in keys:
            raise TwoRulesOneName(rule=rule.key)
        keys.add(rule.key)
        sources, parameters, targets = _types(shapes, rule)
        for source in sources:
            node = _node(shapes, source, parameters, targets, rule)
            if strict_reads:
                node.rule = watched_rule(rule, node.source.facts, parameters)
            nodes.append(node)
    return nodes


class _Source(NamedTuple):
    """What a rule is given: the class of its parameter, and one of the tables that its records are in."""

    model: type[Record]
    shape: Shape
    lens: Lens | None
    one_of_several: bool

    def key(self, rule: Rule[Any, Any]) -> str:
        """Records of several classes may have ids in common, so the class is a part of the key."""
        return f"{rule.key}[{self.shape.name}]" if self.one_of_several else rule.key


def _node(
    shapes: Shapes,
    given: _Source,
    parameters: type[Record] | None,
    targets: tuple[Shape, ...],
    rule: Rule[Any, Any],
) -> RuleNode:
    source = given.shape
    for target in targets:
        _check_kinds(rule, source, target)
        _check_takeovers(rule, source, target)
    place = f"the rule {rule.name}"
    declared, told = _declared_reads(given, rule, parameters)
    read, _ = given_to(shapes, parameters, [rule.function], told, place, may_yield=True)
    names = tuple(name for _, name in declared if name) if declared else None
    found = read_fields(source, [rule.function], _found(source, rule, names), place, given.model)
    for shape, name in found:
        if name in shape.model.__computed__ and (shape, name) not in declared:
            raise UndeclaredRuleRead(rule=rule.name, model=shape.name, field=name)
    node = RuleNode(
        name=f"rule {rule.name}",
        reads=found | declared | presence(source, given.lens),
        writes=frozenset((shape, None) for target in targets for shape in _reached(target, source)),
        rule=rule,
        source=source,
        targets=targets,
        fields=frozenset(name for _, name in found | declared if name),
        key=given.key(rule),
        lens=given.lens,
    )
    for target in targets:
        target.makers.append(node)
    return node.with_given(read)


def _found(source: Shape, rule: Rule[Any, Any], declared: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """What the code reads is found where it can be followed; else what is declared must be all, with all
    facts.
    """
    try:
        return tuple(reads_of(rule.function, f"the rule {rule.name}"))
    except Unfollowable as unfollowable:
        if declared is None:
            raise UnfollowableRule(
                rule=rule.name, reason=unfollowable.reason, model=source.name
            ) from unfollowable
        return (*source.facts, *declared)


def _types(
    shapes: Shapes, rule: Rule[Any, Any]
) -> tuple[list[_Source], type[Record] | None, tuple[Shape, ...]]:
    """The sources, the Global that comes after them, if one does, and the targets."""
    signature = inspect.signature(rule.function)
    try:
        hints = get_type_hints(rule.function)
    except NameError as error:
        raise UntypedRule(rule=rule.name, signature=str(signature)) from error
    made = hints.pop("return", None)
    first, *rest = hints.values() or (None,)
    given = list(_arms(first))
    parameters = rest[0] if len(rest) == 1 and _is_record(rest[0]) and issubclass(rest[0], Global) else None
    targets = list(dict.fromkeys(_made_by(made)))
    typed = len(signature.parameters) == len(hints) == (1 if parameters is None else 2)
    if not typed or not all(map(_is_record, given)) or not targets or not all(map(_is_record, targets)):
        raise UntypedRule(rule=rule.name, signature=str(signature))
    sources = [
        _Source(model, shape, lens, len(given) > 1 or not issubclass(model, shape.model))
        for model in given
        for shape, lens in _known(shapes, rule, model)
    ]
    if len({source.shape for source in sources}) < len(sources):
        names = " | ".join(model.__name__ for model in given)
        reason = "a record could be both. Declare a view of what belongs to either."
        raise RuleFeedsWrongKind(rule=rule.name, target=targets[0].__name__, source=names, reason=reason)
    for model in targets:
        if is_filtered(model):
            reason = f"{model.__name__} is a view: return a {model.__bases__[0].__name__}."
            raise RuleFeedsWrongKind(
                rule=rule.name, target=model.__name__, source=given[0].__name__, reason=reason
            )
    made_in = [shape for model in targets for shape, _ in _known(shapes, rule, model)]
    return sources, parameters, tuple(dict.fromkeys(made_in))


def _arms(hint: Any) -> tuple[Any, ...]:
    """The classes that a parameter may be."""
    return get_args(hint) if typing.get_origin(hint) in (typing.Union, UnionType) else (hint,)


def _known(shapes: Shapes, rule: Rule[Any, Any], model: type[Record]) -> list[tuple[Shape, Lens | None]]:
    found = sources_of(shapes, model)
    if not found:
        raise UndeclaredRecord(place=f"the rule {rule.name}", model=model.__name__)
    return found


def _made_by(annotation: Any) -> Iterator[Any]:
    """What a return type says that there will be, one or many: record classes, if it is right."""
    kind = without_none(annotation)
    origin = typing.get_origin(kind)
    is_many = isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping)
    if is_many or origin in (typing.Union, UnionType):
        for argument in get_args(kind):
            if argument not in (Ellipsis, None, type(None)):
                yield from _made_by(argument)
    elif kind not in (None, type(None)):
        yield kind


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)


def _check_kinds(rule: Rule[Any, Any], source: Shape, target: Shape) -> None:
    if target.kind is Kind.GLOBAL:
        reason = f"{target.name} is a Global: its one row is always there."
    elif target.model is IntegrationEvent:
        reason = "integration events are said by vendors: make a call, or an event of your own."
    elif source.kind is Kind.GLOBAL:
        reason = f"{source.name} is a Global: use a computed property of the Global instead."
    else:
        return
    raise RuleFeedsWrongKind(rule=rule.name, target=target.name, source=source.name, reason=reason)


def _check_takeovers(rule: Rule[Any, Any], source: Shape, target: Shape) -> None:
    """What a rule keeps equal to its source cannot be left with None."""
    if target.takeovers and source.kind is not Kind.EVENT:
        reason = f"the rule {rule.name} keeps it equal to a {source.name}. Leave out `takeover`."
        raise CannotBeTaken(model=target.name, field=target.takeovers[0], reason=reason)


def _declared_reads(
    given: _Source, rule: Rule[Any, Any], parameters: type[Record] | None
) -> tuple[frozenset[tuple[Shape, str | None]], tuple[str, ...]]:
    """A rule is given one record, and perhaps a Global, and can read nothing else."""
    source = given.shape
    reads = set()
    told = []
    for read in rule.reads:
        model = getattr(read, "class_", given.model)  # of a property by its name: whatever the rule is given
        name = read if isinstance(read, str) else getattr(read, "key", None)
        if parameters is not None and model is parameters:
            told.append(f"{parameters.__name__}.{name}")
            continue
        if name not in source.fields or not issubclass(given.model, model):
            raise UnknownRead(
                place=f"the rule {rule.name}",
                model=source.name,
                field=str(read),
                fields=", ".join(source.fields),
            )
        reads.add((source, name))
    return frozenset(reads), tuple(told)


def _reached(target: Shape, source: Shape) -> set[Shape]:
    """What a rule can make or take away: its target, and what goes or lets go with a target that is
    withdrawn.
    """
    reached = {target}
    if source.kind is Kind.ENTITY and target.kind is Kind.ENTITY:
        growing = [target]
        while growing:
            for referrer, _, ondelete in growing.pop().referrers:
                if ondelete in ("CASCADE", "SET NULL") and referrer not in reached:
                    reached.add(referrer)
                    growing.append(referrer)
    return reached
