"""Samples: facts to begin with, one JSON object a line, each with the states that it must lead to.

{"event": "OrderPlaced", "key": "order-001", "facts": {...}, "expect": {"Order.status": "paid"}}

A text within `facts` may be written `{"repeat": "la ", "times": 1000}`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from framework.app import App
from framework.cli.errors import NoSamples
from framework.errors import DispatchError, MillraceError
from framework.model.entity import Event
from framework.model.record import Record
from framework.plan.node import MachineNode
from framework.plan.shape import Kind

FOLDER = "samples"


class Repeated(BaseModel):
    """A long text, written short."""

    model_config = ConfigDict(extra="forbid")

    repeat: str
    times: int = Field(ge=0)


class Line(BaseModel):
    """A sample as it is written."""

    model_config = ConfigDict(extra="forbid")

    event: str
    key: str = Field(min_length=1)
    facts: dict[str, Repeated | Any]
    expect: dict[str, str]


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: Path
    number: int

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


@dataclass(frozen=True)
class Expectation:
    """A property of a record that the sample leads to, and the value that it must reach."""

    model: type[Record]
    property: str
    value: str

    def __str__(self) -> str:
        return f"{self.model.__name__}.{self.property} = {self.value}"


@dataclass(frozen=True)
class Sample:
    """An event to dispatch under a key, and what must come of it."""

    place: Place
    event: Event
    key: str
    expected: tuple[Expectation, ...]


@dataclass(frozen=True)
class Malformed:
    """A line that is no sample, or one that the App refused."""

    place: Place
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


def folder_of(app: App) -> Path:
    """The folder `samples` beside the App's own modules."""
    files = (getattr(sys.modules.get(model.__module__), "__file__", None) for model in app.plan.shapes)
    folders = [Path(file).parent / FOLDER for file in files if file]
    found = next((folder for folder in folders if folder.is_dir()), None)
    if found is None:
        raise NoSamples(folder=folders[0] if folders else FOLDER)
    return found


def read(app: App, folder: Path) -> Iterator[Sample | Malformed]:
    """All lines of all files, in order; one that cannot be read does not keep the others back."""
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise NoSamples(folder=folder)
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if line.strip():
                yield _sample(app, Place(_short(file), number), line)


def _sample(app: App, place: Place, written: str) -> Sample | Malformed:
    try:
        line = Line.model_validate_json(written)
        event = _event(app, line.event)(**{name: _value(value) for name, value in line.facts.items()})
        expected = tuple(_expectation(app, name, value) for name, value in line.expect.items())
    except ValidationError as error:
        mistakes = (f"{'.'.join(map(str, one['loc'])) or 'line'}: {one['msg']}" for one in error.errors())
        return Malformed(place, "; ".join(mistakes))
    except MillraceError as error:
        return Malformed(place, str(error))
    return Sample(place, event, line.key, expected)


class UnknownSampleEvent(DispatchError):
    """This App has no event {name!r}. It has: {names}."""


class UnknownExpectation(DispatchError):
    """`expect` names {name!r}, which is no state machine of this App. It has: {names}."""


def machines(app: App) -> Iterator[MachineNode]:
    """The state machines of the business; those of the calls move by themselves."""
    return (node for node in app.plan.nodes if isinstance(node, MachineNode))


def _event(app: App, name: str) -> type[Any]:
    events = {shape.name: shape.model for shape in app.plan.of_kind(Kind.EVENT)}
    if name not in events:
        raise UnknownSampleEvent(name=name, names=", ".join(sorted(events)))
    return events[name]


def _expectation(app: App, name: str, value: str) -> Expectation:
    known = {f"{node.host.name}.{node.property}": node for node in machines(app)}
    if name not in known:
        raise UnknownExpectation(name=name, names=", ".join(sorted(known)))
    return Expectation(known[name].host.model, known[name].property, value)


def _value(value: Any) -> Any:
    return value.repeat * value.times if isinstance(value, Repeated) else value


def _short(file: Path) -> Path:
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file
