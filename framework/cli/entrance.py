"""Samples enter: each is dispatched under its key, and what it led to is held against what it expects."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from framework.app import App
from framework.cli.samples import Expectation, Malformed, Sample
from framework.errors import DispatchError
from framework.model.record import Record
from framework.runtime.receipt import ChangeKind, Receipt


@dataclass(frozen=True)
class Dispatched:
    """A sample that entered, now or in an earlier run, and the receipt that says what it made."""

    sample: Sample
    receipt: Receipt[Any]


@dataclass(frozen=True)
class Entered:
    """What became of the lines."""

    dispatched: Sequence[Dispatched]
    malformed: Sequence[Malformed]

    @property
    def replayed(self) -> int:
        """How many an earlier run had dispatched."""
        return sum(one.receipt.replayed for one in self.dispatched)


@dataclass(frozen=True)
class Unmet:
    """A sample that has not led to what it must."""

    sample: Sample
    expected: Expectation
    found: str

    def __str__(self) -> str:
        return f"{self.sample.place} ({self.sample.key}): {self.expected} expected, found {self.found}"


def enter(app: App, lines: Iterable[Sample | Malformed], advance: Callable[[], object]) -> Entered:
    """Dispatch all samples. A line that is none, or that the App refuses, keeps no other back."""
    dispatched, malformed = [], []
    for line in lines:
        if isinstance(line, Sample):
            try:
                dispatched.append(Dispatched(line, app.dispatch(line.event, key=line.key)))
            except DispatchError as refusal:
                malformed.append(Malformed(line.place, str(refusal)))
        else:
            malformed.append(line)
        advance()
    return Entered(dispatched, malformed)


def unmet(app: App, entered: Entered) -> list[Unmet]:
    """The expectations that are not met, and what is there in their place."""
    return [
        Unmet(one.sample, expected, found)
        for one in entered.dispatched
        for expected in one.sample.expected
        if (found := _found(app, one, expected)) != expected.value
    ]


def _found(app: App, one: Dispatched, expected: Expectation) -> str:
    id = _made(one.receipt, expected.model)
    if id is None:
        return f"no {expected.model.__name__}"
    return str(getattr(app.get(expected.model, id), expected.property))


def _made(receipt: Receipt[Any], model: type[Record]) -> UUID | None:
    """The record of this class that the event has made."""
    made = (change for change in receipt.changes if change.kind is ChangeKind.CREATED)
    return next((change.id for change in made if change.model is model), None)
