"""Nodes from computations: each property gets its step, with what it reads and writes."""

from framework.computations.aggregate import Additive
from framework.computations.custom import Custom
from framework.computations.deadline import Deadline
from framework.computations.formula import Formula
from framework.computations.lookup import Lookup
from framework.computations.on_entry import OnEntry
from framework.computations.selective import Collect, Extreme, Recency
from framework.computations.sequence import Sequence
from framework.computations.statemachine import StateMachine
from framework.model.apicall import FromEvents
from framework.plan.builders.additive import additive_node
from framework.plan.builders.annotations import annotation_of
from framework.plan.builders.custom import custom_node
from framework.plan.builders.grouped import grouped_node
from framework.plan.builders.lookup import lookup_node
from framework.plan.builders.own import deadline_node, formula_node, sequence_node
from framework.plan.builders.progress import progress_node
from framework.plan.builders.selective import selective_node
from framework.plan.entries import check_entry
from framework.plan.machines import machine_node
from framework.plan.mistakes import (
    WrongAnnotation,
)
from framework.plan.node import (
    Node,
)
from framework.plan.shape import Kind
from framework.plan.shapes import Shapes
from framework.plan.strict import watched
from framework.plan.values import check_values


def computation_nodes(shapes: Shapes, *, strict_reads: bool = False) -> list[Node]:
    """The nodes of all computed properties; additive ones are still one node each.

    With `strict_reads`, callbacks that declare what they read are held to it.
    """
    nodes: list[Node] = []
    for shape in shapes.values():
        if shape.kind is Kind.CALL:
            nodes.append(progress_node(shapes, shape))
        for name, declared in shape.model.__computed__.items():
            computation = watched(declared, f"{shape.name}.{name}") if strict_reads else declared
            check_values(shape, name, declared)
            match computation:
                case FromEvents():
                    continue
                case OnEntry():
                    check_entry(shape, name, computation)  # its machine computes it
                case Additive(by=None):
                    nodes += additive_node(shapes, shape, name, computation)
                case Additive():
                    nodes += grouped_node(shapes, shape, name, computation)
                case Extreme() | Recency() | Collect():
                    nodes += selective_node(shapes, shape, name, computation)
                case Lookup():
                    nodes.append(lookup_node(shapes, shape, name, computation))
                case Formula():
                    nodes.append(formula_node(shapes, shape, name, computation))
                case Deadline():
                    nodes.append(deadline_node(shapes, shape, name, computation))
                case Sequence():
                    nodes.append(sequence_node(shape, name, computation))
                case Custom():
                    nodes.append(custom_node(shapes, shape, name, computation))
                case StateMachine():
                    nodes += machine_node(shapes, shape, name, computation, strict_reads=strict_reads)
                case _:
                    raise WrongAnnotation(
                        model=shape.name,
                        property=name,
                        computation=type(computation).__name__,
                        gives="nothing known",
                        annotation=annotation_of(shape, name),
                        remedy="Use one of the computations of `framework`.",
                    )
            if not isinstance(computation, (Additive, FromEvents)) or getattr(computation, "by", None):
                shape.relative = False
    return nodes
