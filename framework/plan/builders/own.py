"""Nodes of what one row says of itself: functions, deadlines, numbers."""

from typing import Any

from sqlalchemy import Text

from framework.computations.deadline import Deadline
from framework.computations.formula import Formula
from framework.computations.sequence import Sequence
from framework.model.columns import UtcDateTime
from framework.model.words import check_names
from framework.plan.builders.annotations import check_annotation
from framework.plan.given import given_of
from framework.plan.hidden import hidden_name
from framework.plan.mistakes import ImpossibleOption, UnknownRead
from framework.plan.node import DeadlineNode, FormulaNode, Node, SequenceNode
from framework.plan.reading import read_fields
from framework.plan.shape import HiddenColumn, IndexPlan, Shape
from framework.plan.shapes import Shapes


def formula_node(shapes: Shapes, shape: Shape, name: str, computation: Formula[Any]) -> Node:
    place = f"{shape.name}.{name}"
    given, declared = given_of(shapes, computation, place)
    reads = read_fields(shape, computation.callbacks(), declared, place)
    node = FormulaNode(
        name=place,
        reads=reads | {(shape, None)},
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=computation,
    )
    return node.with_given(given)


def deadline_node(shapes: Shapes, shape: Shape, name: str, computation: Deadline[Any]) -> Node:
    place = f"{shape.name}.{name}"
    turns_at = hidden_name(name, "turns_at")
    shape.hidden.append(HiddenColumn(turns_at, UtcDateTime()))
    shape.indexes.append(IndexPlan((turns_at,), where=f'"{turns_at}" IS NOT NULL'))
    given, declared = given_of(shapes, computation, place)
    reads = read_fields(shape, computation.callbacks(), declared, place)
    node = DeadlineNode(
        name=place,
        reads=reads | {(shape, None)},
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=computation,
        turns_at=turns_at,
    )
    return node.with_given(given)


def sequence_node(shape: Shape, name: str, computation: Sequence) -> Node:
    check_names(computation.per, "per", f"{shape.name}.{name}")
    for field in computation.per:
        if field in shape.model.__computed__:
            raise ImpossibleOption(
                model=shape.name, property=name, computation="Sequence", word="per", given=computation.per,
                must=f"a tuple of facts, and {field} is computed",
            )  # fmt: skip
        if field not in shape.facts:
            facts = ", ".join(shape.facts)
            raise UnknownRead(place=f"{shape.name}.{name}", model=shape.name, field=field, fields=facts)
    check_annotation(shape, name, computation, int)
    scope = hidden_name(name, "scope")
    shape.hidden.append(HiddenColumn(scope, Text()))
    return SequenceNode(
        name=f"{shape.name}.{name}",
        reads=frozenset({(shape, None)}),
        writes=frozenset({(shape, name)}),
        host=shape,
        property=name,
        computation=computation,
        scope=scope,
    )
