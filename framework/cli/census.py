"""A census of an App: how many records are in which state, and how many tries it took."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, func, select

from framework.app import App
from framework.cli.samples import machines
from framework.model.apicall import CallStatus, IntegrationEvent, Standing
from framework.plan.shape import Kind, Shape

OPEN = (CallStatus.PENDING, CallStatus.PROCESSING)


@dataclass(frozen=True)
class Census:
    """`states` has, for each state machine of the business, how many records are in each state."""

    states: Mapping[str, Mapping[str, int]]
    calls: Mapping[str, int]
    attempts: int
    events_without_effect: int
    duplicates: int


def census(app: App) -> Census:
    """Count everything. `duplicates` alone is since the start of the process."""
    states = {
        f"{node.host.name}.{node.property}": {
            str(state): _by_state(app, node.host, node.property)[str(state)] for state in node.machine.states
        }
        for node in machines(app)
    }
    return Census(
        states=states,
        calls={shape.name: sum(_by_state(app, shape, "status").values()) for shape in calls_of(app)},
        attempts=_count(app, app.engine.database.tables.attempts),
        events_without_effect=_count(
            app, IntegrationEvent, col(IntegrationEvent.standing) != Standing.APPLIED
        ),
        duplicates=counted(app, "millrace_duplicates"),
    )


def calls_of(app: App) -> list[Shape]:
    return app.plan.of_kind(Kind.CALL)


def open_calls(app: App) -> int:
    """How many calls have no end yet."""
    return sum(
        _count(app, shape.model, getattr(shape.model, "status").in_(OPEN))  # noqa: B009  # known to calls alone
        for shape in calls_of(app)
    )


def delays(app: App) -> list[str]:
    """The calls that are open, each with its last error, and the integrations that start none at present."""
    found = []
    for shape in calls_of(app):
        model: Any = shape.model
        for call in app.query(select(model).where(model.status.in_(OPEN))):
            tries = app.attempts(call.id)
            last = f", the last said: {tries[-1].error}" if tries and tries[-1].error else ""
            found.append(f"{shape.name} {call.id} is {call.status} after {len(tries)} attempts{last}")
    for health in app.health():
        if not health.is_well:
            reason = health.paused or health.last_error
            found.append(f"{health.integration} is left alone (breaker {health.breaker}): {reason}")
    return found


def counted(app: App, name: str) -> int:
    """A counter of the App's metrics, over all its labels."""
    return sum(n for key, n in app.metrics.snapshot().items() if key.partition("{")[0] == name)


def _by_state(app: App, shape: Shape, property: str) -> Counter[str]:
    state = getattr(shape.model, property)
    statement: Any = select(state, func.count()).group_by(state)
    rows: list[Any] = app.query(statement)
    return Counter({str(value): n for value, n in rows})


def _count(app: App, table: Any, *where: Any) -> int:
    return app.query(select(func.count()).select_from(table).where(*where))[0]
