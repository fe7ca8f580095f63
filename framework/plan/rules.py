"""Nodes from rules: from which class they make which, and what they read."""

import inspect
import typing
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_type_hints

from sqlalchemy.orm import InstrumentedAttribute

from framework.computations.rule import Rule
from framework.model.apicall import IntegrationEvent
from framework.model.columns import without_none
from framework.model.record import Record
from framework.plan.mistakes import (
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


def rule_nodes(
    shapes: Shapes, rules: Iterable[Rule[Any, Any]], *, strict_reads: bool = False
) -> list[RuleNode]:
    """A node for each rule, after its types and its reads have been checked."""
    nodes: dict[str, RuleNode] = {}
    for rule in rules:
        if rule.key in nodes:
            raise TwoRulesOneName(rule=rule.key)
        node = nodes[rule.key] = _node(shapes, rule)
        if strict_reads:
            node.rule = watched_rule(rule, node.source.facts)
    return list(nodes.values())


def _node(shapes: Shapes, rule: Rule[Any, Any]) -> RuleNode:
    source, targets = _types(shapes, rule)
    for target in targets:
        _check_kinds(rule, source, target)
    declared = _declared_reads(source, rule)
    place = f"the rule {rule.name}"
    names = tuple(name for _, name in declared if name) if declared else None
    found = read_fields(source, [rule.function], _found(source, rule, names), place)
    for shape, name in found:
        if name in shape.model.__computed__ and (shape, name) not in declared:
            raise UndeclaredRuleRead(rule=rule.name, model=shape.name, field=name)
    node = RuleNode(
        name=f"rule {rule.name}",
        reads=found | declared | {(source, None)},
        writes=frozenset((shape, None) for target in targets for shape in _reached(target, source)),
        rule=rule,
        source=source,
        targets=targets,
        fields=frozenset(name for _, name in found | declared if name),
    )
    for target in targets:
        target.makers.append(node)
    return node


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


def _types(shapes: Shapes, rule: Rule[Any, Any]) -> tuple[Shape, tuple[Shape, ...]]:
    signature = inspect.signature(rule.function)
    try:
        hints = get_type_hints(rule.function)
    except NameError as error:
        raise UntypedRule(rule=rule.name, signature=str(signature)) from error
    made = hints.pop("return", None)
    sources = [shapes.get(hint) or hint for hint in hints.values()]
    targets = list(dict.fromkeys(_records_in(made)))
    typed = all(isinstance(one, Shape) or _is_record(one) for one in sources)
    if len(signature.parameters) != 1 or len(sources) != 1 or not typed or not targets:
        raise UntypedRule(rule=rule.name, signature=str(signature))
    for model in [one for one in sources if not isinstance(one, Shape)] + [
        one for one in targets if one not in shapes
    ]:
        raise UndeclaredRecord(place=f"the rule {rule.name}", model=model.__name__)
    return sources[0], tuple(shapes[model] for model in targets)


def _records_in(annotation: Any) -> Iterator[type[Record]]:
    kind = without_none(annotation)
    if _is_record(kind):
        yield kind
    elif kind is not None and typing.get_origin(kind) is not None:
        for argument in get_args(kind):
            if argument is not Ellipsis and argument is not type(None):
                yield from _records_in(argument)


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


def _declared_reads(source: Shape, rule: Rule[Any, Any]) -> frozenset[tuple[Shape, str | None]]:
    """A rule is given one record, and can read nothing else."""
    reads = set()
    for read in rule.reads:
        known = isinstance(read, InstrumentedAttribute) and read.key in source.fields
        if not known or read.class_ is not source.model:
            raise UnknownRead(
                place=f"the rule {rule.name}",
                model=source.name,
                field=str(read),
                fields=", ".join(source.fields),
            )
        reads.add((source, read.key))
    return frozenset(reads)


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
