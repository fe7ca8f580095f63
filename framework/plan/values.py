"""Values that a declaration gives: whether a property can have them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, get_args

from pydantic import TypeAdapter, ValidationError
from sqlmodel.main import FieldInfoMetadata

from framework.computations.aggregate import Additive
from framework.computations.deadline import Deadline
from framework.computations.on_entry import OnEntry
from framework.computations.quantifiers import Every
from framework.computations.selective import Collect
from framework.computations.sequence import Sequence
from framework.model.columns import admits_none, named, without_none
from framework.model.computation import Computation
from framework.model.fields import UNDEFINED
from framework.model.storable import storable
from framework.model.words import takes
from framework.plan.mistakes import ImpossibleConstraint, ImpossibleDefault, ImpossibleOption, ImpossibleValue
from framework.plan.shape import Shape


def check_default(shape: Shape, name: str) -> None:
    """Raises ImpossibleDefault for a default that no record could be stored with."""
    default = shape.model.__facts__[name]
    field = shape.model.model_fields[name]
    constraints = [one for one in field.metadata if not isinstance(one, FieldInfoMetadata)]
    if constraints:
        _refuse_impossible(shape, name, constraints)
    if default is UNDEFINED:
        return
    if callable(default):
        problem = "" if takes(default, 0) else "its factory takes an argument"
    elif type(default) is field.annotation and not constraints:
        return
    else:
        problem = _problem(default, field.annotation, constraints)
    if problem:
        raise ImpossibleDefault(model=shape.name, field=name, default=default, problem=problem)


def check_values(shape: Shape, name: str, computation: Computation[Any]) -> None:
    """Raises ImpossibleValue, or ImpossibleOption, for what stands in for a value and could be none."""
    match computation:
        case Sequence():
            _require_whole(shape, name, computation, "start", "a whole number")
            _require_whole(shape, name, computation, "step", "a whole number other than 0", besides=(0,))
        case Collect():
            _require_whole(shape, name, computation, "limit", "a whole number from 1", least=1)
        case Every() if type(computation.empty) is not bool:
            raise _impossible(shape, name, computation, "empty", "True or False")
        case Deadline():
            _require_fitting(shape, name, computation, "before", "after")
        case OnEntry() if computation.initial is not None:
            _require_fitting(shape, name, computation, "initial")
        case _:
            if getattr(computation, "missing", None) is not None:
                _require_fitting(shape, name, computation, "missing")


def _require_whole(
    shape: Shape,
    name: str,
    computation: Computation[Any],
    word: str,
    must: str,
    *,
    least: int | None = None,
    besides: Iterable[int] = (),
) -> None:
    given = getattr(computation, word)
    if type(given) is not int or given in besides or (least is not None and given < least):
        raise _impossible(shape, name, computation, word, must)


def _impossible(
    shape: Shape, name: str, computation: Computation[Any], word: str, must: str
) -> ImpossibleOption:
    return ImpossibleOption(
        model=shape.name, property=name, computation=type(computation).__name__, word=word,
        given=getattr(computation, word), must=must,
    )  # fmt: skip


def _require_fitting(shape: Shape, name: str, computation: Computation[Any], *words: str) -> None:
    field = shape.model.model_fields[name]
    annotation: Any = field.annotation
    if isinstance(computation, Additive) and computation.by is not None:
        annotation = get_args(without_none(annotation))[-1]
    for word in words:
        given = getattr(computation, word)
        if not _is_one(given, annotation, field.metadata):
            raise ImpossibleValue(
                model=shape.name, property=name, computation=type(computation).__name__, word=word,
                given=given, annotation=named(annotation),
            )  # fmt: skip


def _is_one(value: Any, annotation: Any, metadata: Iterable[Any]) -> bool:
    """Whether it is a value of the type as it is, or a number that means the same."""
    kind = without_none(annotation)
    if value is None:
        return admits_none(annotation)
    is_text = isinstance(value, str)  # of which pydantic would make a number, or a date
    return type(value) is kind or not (is_text or _problem(value, annotation, metadata))


def _refuse_impossible(shape: Shape, name: str, constraints: Iterable[Any]) -> None:
    annotation = shape.model.model_fields[name].annotation
    kind = without_none(annotation)
    bounds = [getattr(one, word) for one in constraints for word in _BOUNDS if hasattr(one, word)]
    beside = [one for one in bounds if _is_beside(one, kind)]
    problem = f"no {named(kind)} is compared with {beside[0]!r}" if beside else ""
    try:
        _adapter(annotation, constraints)
    except TypeError as error:
        problem = str(error)
    if problem:
        raise ImpossibleConstraint(
            model=shape.name, field=name, annotation=named(annotation), problem=problem
        )


_BOUNDS = ("gt", "ge", "lt", "le", "multiple_of")
_NUMBERS = (int, float, Decimal)


def _is_beside(bound: Any, kind: Any) -> bool:
    """Whether no value of the type is compared with the bound."""
    if not isinstance(kind, type):
        return False
    return not isinstance(bound, _NUMBERS if issubclass(kind, _NUMBERS) else kind)


def _adapter(annotation: Any, constraints: Iterable[Any]) -> TypeAdapter[Any]:
    kind: Any = storable(annotation, constraints)
    for constraint in constraints:
        kind = Annotated[kind, constraint]
    return TypeAdapter(kind)


def _problem(value: Any, annotation: Any, constraints: Iterable[Any]) -> str:
    """Why no value of the type could be made of it; empty if one can."""
    try:
        _adapter(annotation, constraints).validate_python(value)
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return ""
