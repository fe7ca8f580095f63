"""The cause of a move: whether a callback of a machine takes it, and what the callback reads of it."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from framework.model.words import check_reads
from framework.plan.node import TriggerPlan
from framework.plan.reading import Read, read_fields
from framework.plan.shape import Shape

_PREFIX = "cause."


def takes_cause(guard: Callable[..., Any], given: type | None) -> bool:
    """Whether a guard takes more than the record, and the row of the Global that it is given."""
    try:
        parameters = inspect.signature(guard).parameters.values()
    except (TypeError, ValueError):  # what it reads cannot be found, and that is said of it
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [one for one in parameters if one.kind in positional and one.default is one.empty]
    return len(required) > 1 + (given is not None)


def reads_of_own(
    shape: Shape, callback: Callable[..., Any], declared: Sequence[str] | None, place: str
) -> frozenset[Read]:
    """What a callback that takes the record and the cause reads of the record."""
    check_reads(declared, place)
    own = None if declared is None else [read for read in declared if not read.startswith(_PREFIX)]
    return read_fields(shape, [callback], own, place)


def reads_of_causes(
    triggers: Iterable[TriggerPlan],
    callback: Callable[..., Any],
    declared: Sequence[str] | None,
    place: str,
) -> frozenset[Read]:
    """What it reads of every record that can be the cause, which these triggers wait for."""
    of_cause = None
    if declared is not None:
        of_cause = [read.removeprefix(_PREFIX) for read in declared if read.startswith(_PREFIX)]
    reads: frozenset[Read] = frozenset()
    for trigger in triggers:
        for shape, model in trigger.route.shown:
            reads |= read_fields(shape, [callback], of_cause, place, model, argument=1)
    return reads
