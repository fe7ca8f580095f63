"""What a property is annotated as, held against what its computation gives."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from framework.computations.aggregate import Additive
from framework.model.columns import admits_none, without_none
from framework.model.computation import Computation
from framework.model.decimals import places_of
from framework.plan.mistakes import WrongAnnotation
from framework.plan.shape import Shape


def check_optional(shape: Shape, name: str, computation: Computation[Any]) -> None:
    """Of nothing the value is None, and the annotation must say so."""
    annotation = annotation_of(shape, name)
    if annotation is not Any and not admits_none(annotation):
        kind = getattr(annotation, "__name__", annotation)
        raise WrongAnnotation(
            model=shape.name, property=name, computation=type(computation).__name__, gives=f"{kind} | None",
            annotation=kind, remedy=f"Annotate it as {kind} | None: of nothing, it is None.",
        )  # fmt: skip


def check_annotation(shape: Shape, name: str, computation: Computation[Any], gives: type | None) -> None:
    annotation = without_none(annotation_of(shape, name))
    if gives is not None and annotation is not gives:
        raise WrongAnnotation(
            model=shape.name, property=name, computation=type(computation).__name__, gives=gives.__name__,
            annotation=getattr(annotation, "__name__", annotation),
            remedy=f"Annotate it as {gives.__name__}.",
        )  # fmt: skip


def check_additive(shape: Shape, name: str, computation: Additive[Any, Any], annotation: Any) -> None:
    """What it gives is a number or a Decimal of a known scale, or whether something holds."""
    kinds = _GIVES[type(computation).__name__]
    kind = without_none(annotation)
    if kind not in kinds:
        gives = " or ".join(one.__name__ for one in kinds)
        raise WrongAnnotation(
            model=shape.name, property=name, computation=type(computation).__name__, gives=kinds[0].__name__,
            annotation=getattr(annotation, "__name__", annotation), remedy=f"Annotate it as {gives}.",
        )  # fmt: skip


def places_at(shape: Shape, name: str) -> int | None:
    """The decimal places of a property, if it is a Decimal or a dictionary of them."""
    field = shape.model.model_fields[name]
    return places_of(field.annotation, field.metadata)


_GIVES: Mapping[str, tuple[type, ...]] = {
    "Count": (int,),
    "Sum": (int, Decimal),
    "WeightedSum": (int, Decimal),
    "Average": (float, Decimal),
    "Every": (bool,),
    "Some": (bool,),
}


def annotation_of(shape: Shape, name: str) -> Any:
    return shape.model.model_fields[name].annotation
