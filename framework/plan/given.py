"""Parameters: the Global whose row the callbacks of a computation take after their record."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from framework.model.computation import Computation
from framework.model.words import check_reads, is_required
from framework.plan.callbacks import check_callback
from framework.plan.mistakes import GivenNoGlobal, NotAFunction
from framework.plan.reading import Read, read_fields
from framework.plan.shape import Kind, Shape
from framework.plan.shapes import Shapes
from framework.plan.tableless import with_table


@dataclass(frozen=True)
class Given:
    """A Global, and the fields of it that callbacks read."""

    shape: Shape
    fields: frozenset[str]

    @property
    def reads(self) -> frozenset[Read]:
        return frozenset((self.shape, name) for name in self.fields)

    @property
    def is_derived(self) -> bool:
        """Whether a field that is read is computed, so that other records move it."""
        return any(self.shape.is_derived(name) for name in self.fields)

    def __or__(self, other: "Given") -> "Given":
        return Given(self.shape, self.fields | other.fields)


def given_of(
    shapes: Shapes, computation: Computation[Any], place: str, *, taken: Sequence[str] = ("record",)
) -> tuple[Given | None, tuple[str, ...] | None]:
    """What the callbacks of a computation are given, and what it declares to read beside that.

    `taken` is what they take before the Global.
    """
    model = getattr(computation, "given", None)
    callbacks = computation.callbacks()
    for name in computation.functions:
        if getattr(computation, name) is None and is_required(computation, name):
            raise NotAFunction(place=place, given=None, remedy="`lambda record: ...`")
    return given_to(shapes, model, callbacks, computation.declared_reads(), place, taken=taken)


def given_to(
    shapes: Shapes,
    model: type[Any] | None,
    callbacks: Iterable[Callable[..., Any]],
    declared: tuple[str, ...] | None,
    place: str,
    *,
    taken: Sequence[str] = ("record",),
    may_yield: bool = False,
) -> tuple[Given | None, tuple[str, ...] | None]:
    """As `given_of`, of callbacks that belong to no computation. `"Shop.vat"` among the declared reads is a
    read of the Global `Shop`.
    """
    callbacks = tuple(callbacks)
    shape = None if model is None else with_table(shapes, model, place)
    if shape is not None and shape.kind is not Kind.GLOBAL:
        raise GivenNoGlobal(place=place, model=shape.name)
    for callback in callbacks:
        check_callback(callback, place, taken, model, may_yield=may_yield, may_be_given=True)
    check_reads(declared, place)
    if shape is None:
        return None, declared
    prefix = f"{shape.name}."
    own = None if declared is None else tuple(one for one in declared if not one.startswith(prefix))
    told = tuple(one.removeprefix(prefix) for one in declared or () if one.startswith(prefix))
    reads = read_fields(shape, callbacks, told or None, place, argument=len(taken))
    return Given(shape, frozenset(name for _, name in reads if name)), own
