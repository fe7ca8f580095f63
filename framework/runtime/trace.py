"""What a dispatch would do, step by step, as data and as text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from framework.errors import DispatchError
from framework.model.apicall import APICall
from framework.model.entity import Event
from framework.model.record import Record

_MOST = 20


@dataclass(frozen=True)
class Written:
    """A record that came or went (`field` is None) or that entered or left a `view`, a value that became
    another one, or amounts that were added to what a property is kept as.
    """

    model: type[Record]
    id: UUID
    field: str | None
    before: Any = None
    after: Any = None
    added: tuple[int, ...] = ()
    view: str | None = None

    def __str__(self) -> str:
        record = f"{self.model.__name__} {self.id}"
        if self.view is not None:
            return f"{record} {'enters' if self.after else 'leaves'} {self.view}"
        if self.field is None:
            return f"{record} {'created' if self.before is None else 'deleted'}"
        if self.added:
            return f"{record}: {self.field} {', '.join(f'{amount:+}' for amount in self.added)}"
        return f"{record}: {self.field} {shown(self.before)} -> {shown(self.after)}"


@dataclass(frozen=True)
class TracedStep:
    """One step of propagation: which changes woke it, what it wrote, and what it left as it was, and why."""

    name: str
    height: int
    wave: int
    woken_by: tuple[str, ...]
    wrote: tuple[Written, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class TracedCall:
    """A call that would leave after the commit, and the integration that serves it (None: nobody)."""

    model: type[APICall]
    id: UUID
    request: Any
    integration: str | None

    def __str__(self) -> str:
        return f"{self.model.__name__} {self.id} by {self.integration or 'nobody'}: {self.request!r}"


@dataclass(frozen=True)
class Trace:
    """What would follow from an event, in the order in which it would: by height, totals of a `Global` last.

    `facts` is what entered. Where records entered a state that deletes them, `deleted` says what went, and
    the steps that follow from that are a wave of their own, the second or a later one. `refused` is why
    nothing would be stored, or None.
    """

    event: Event
    facts: tuple[Written, ...]
    steps: tuple[TracedStep, ...]
    deleted: tuple[tuple[Written, ...], ...]
    calls: tuple[TracedCall, ...]
    refused: DispatchError | None = None

    def step(self, name: str) -> TracedStep | None:
        """The first step of this name, such as `Order.total` or `rule charge`; None if it was not woken."""
        return next((step for step in self.steps if name in step.name.split(" + ")), None)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{type(self.event).__name__} {self.event.id}"
        yield from _listed("  + ", self.facts)
        wave = 1
        for step in self.steps:
            if step.wave != wave:
                wave = step.wave
                yield f"  wave {wave}"
                yield from _listed("  + ", self.deleted[wave - 2])
            yield f"  {step.height}. {step.name}"
            yield from _listed("     woken by ", step.woken_by)
            yield from _listed("     + ", step.wrote)
            yield from _listed("     - ", step.skipped)
        yield from _listed("  calls ", self.calls)
        if self.refused is not None:
            yield f"  refused, nothing is stored: {self.refused}"


def shown(value: Any) -> str:
    """A value as people read it."""
    match value:
        case Enum():
            return repr(value.value)
        case UUID():
            return str(value)
        case _:
            return repr(value)


def _listed(head: str, things: Sequence[object]) -> Iterator[str]:
    yield from (f"{head}{thing}" for thing in things[:_MOST])
    if len(things) > _MOST:
        yield f"{head}and {len(things) - _MOST} more"
