"""Bare side effects: what happens outside when a record is created, at least once, after the commit."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, insert, literal_column, select, update

from framework.integration.gate import Gate
from framework.integration.handlers import SideEffectHandler
from framework.integration.integration import Integration
from framework.integration.retry import Pause, RetryAt, decide
from framework.integration.verdict import described
from framework.model.identity import new_id
from framework.observe import get_logger
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.plan.view import view_of
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from framework.storage.codec import Codec, Parameters
from framework.storage.database import Connection, Database
from framework.storage.statement import Statement
from framework.storage.statements import earliest

if TYPE_CHECKING:
    from framework.integration.client import HTTPClient

_log = get_logger(__name__)


@dataclass(frozen=True, eq=False)
class Hook:
    """One bare side effect of an integration."""

    name: str
    integration: Integration[Any]
    shape: Shape
    run: SideEffectHandler


@dataclass(frozen=True)
class Effect:
    """One side effect that is still to happen."""

    id: UUID
    name: str
    record_id: UUID
    due_at: datetime | None
    tried: int
    first_tried_at: datetime | None
    error: str | None = None


def hooks_of(plan: Plan, integrations: Sequence[Integration[Any]]) -> list[Hook]:
    """All bare side effects, each under a name that stays the same from start to start."""
    return [
        Hook(f"{integration.name}.{effect.run.__name__}", integration, plan.shape(effect.record), effect.run)  # type: ignore[arg-type]  # a function that carries out no call
        for integration in integrations
        for effect in integration.side_effects
    ]


def made_any(work: Work, shapes: Set[Shape]) -> bool:
    """Whether a transaction made a record of one of the classes."""
    return any(
        change.before_row is None
        for shape in work.rows.keys() & shapes
        for change in work.rows[shape].values()
    )


class EffectBook:
    """The table of side effects that are still to happen: written with the record, struck off afterwards."""

    def __init__(self, database: Database, hooks: Sequence[Hook]) -> None:
        self._table = database.tables.effects
        self._dialect = database.dialect
        self._codec = Codec(tuple(self._table.columns), database.dialect)
        self._statements = database.statements
        self.hooks: Mapping[Shape, list[Hook]] = {
            hook.shape: [other for other in hooks if other.shape is hook.shape] for hook in hooks
        }
        effects = self._table.c
        names = self._codec.names
        self._insertion = self._statement(
            insert(self._table).values({name: bindparam(name) for name in names})
        )
        self._inserted = Parameters(self._insertion.names, self._codec.encoder)
        self._deletion = self._statement(delete(self._table).where(effects.id == bindparam("id_")))
        changed: dict[str, Any] = {
            name: bindparam(name) for name in ("due_at", "tried", "first_tried_at", "error")
        }
        self._change = self._statement(
            update(self._table).where(effects.id == bindparam("id_")).values(changed)
        )
        due = select(self._table).where(
            effects.name == bindparam("name"), effects.due_at <= bindparam("now", type_=effects.due_at.type)
        )
        limit = bindparam("limit", type_=Integer())
        self._due = self._statement(due.order_by(effects.due_at).limit(limit).offset(literal_column("0")))
        upcoming = select(effects.due_at).where(
            effects.name == bindparam("name"), effects.due_at > earliest(self._dialect)
        )
        first = upcoming.order_by(effects.due_at).limit(literal_column("1")).offset(literal_column("0"))
        self._next = self._statement(first)

    def write(self, work: Work) -> None:
        """Write down the side effects of what a transaction creates; the end of that transaction."""
        for shape in work.rows.keys() & self.hooks.keys():
            for change in work.rows[shape].values():
                if change.before_row is None and change.after_row is not None:
                    for hook in self.hooks[shape]:
                        effect = Effect(new_id(), hook.name, change.id, work.now, 0, None)
                        work.connection.tell(self._insertion.sql, self._inserted.of(effect.__dict__))

    def due(self, connection: Connection, hook: Hook, now: datetime, limit: int) -> list[tuple[Effect, Any]]:
        """Side effects of a hook that are due, each with its record (None: it is gone)."""
        values = {"name": hook.name, "now": self._codec.encode_one("due_at", now), "limit": limit}
        rows = connection.rows(self._due.sql, [values[name] for name in self._due.names])
        effects = [Effect(**self._codec.decode(row)) for row in rows]
        statements = self._statements[hook.shape]
        sql, parameters = statements.selection(("id",))
        found = []
        for effect in effects:
            row = connection.row(sql, parameters.of({"id": effect.record_id}))
            record = None if row is None else view_of(hook.shape.view, statements.codec.decode(row))
            found.append((effect, record))
        return found

    def next_due(self, connection: Connection) -> dict[Hook, datetime]:
        """When the next side effect of each hook is due that has any."""
        hooks = [hook for of_shape in self.hooks.values() for hook in of_shape]
        rows = [(hook, connection.row(self._next.sql, [hook.name])) for hook in hooks]
        return {hook: self._codec.decode_one("due_at", row[0]) for hook, row in rows if row is not None}

    def strike(self, connection: Connection, effect: Effect) -> None:
        """It has happened."""
        connection.run(self._deletion.sql, [self._id(effect)])

    def postpone(self, connection: Connection, effect: Effect) -> None:
        """It has not happened; `due_at` None means that nobody tries again by themselves."""
        values = {**effect.__dict__, "id_": self._id(effect)}
        encoded = [
            values[name] if name == "id_" else self._codec.encode_one(name, values[name])
            for name in self._change.names
        ]
        connection.run(self._change.sql, encoded)

    def _id(self, effect: Effect) -> Any:
        return self._codec.encode_one("id", effect.id)

    def _statement(self, statement: Any) -> Statement:
        return Statement(statement, self._dialect)


async def happen(
    hook: Hook,
    gate: Gate,
    effect: Effect,
    record: Any,
    http: "HTTPClient",
    now: Callable[[], datetime],
    random: Callable[[], float],
    *,
    probe: bool = False,
) -> Callable[[EffectBook, Transaction], None]:
    """Let a side effect happen that the gate let in, and say what is to be written about it."""
    if record is None:
        gate.forget()
        return lambda book, transaction: book.strike(transaction.work.connection, effect)
    started = effect.first_tried_at or now()
    try:
        await hook.run(record, http)
    except Exception as error:  # noqa: BLE001  # a handler is not ours; its errors are judged, none is lost
        gate.leave(error, now(), probe=probe)
        gate.last_error = described(error)
        changed = _after(error, hook, gate, effect, started, now(), random)
        _log.warning("a side effect did not happen", effect=hook.name, reason=described(error))
        return lambda book, transaction: book.postpone(transaction.work.connection, changed)
    except BaseException:
        gate.forget()
        raise
    gate.leave(None, now(), probe=probe)
    return lambda book, transaction: book.strike(transaction.work.connection, effect)


def _after(
    error: Exception,
    hook: Hook,
    gate: Gate,
    effect: Effect,
    started: datetime,
    now: datetime,
    random: Callable[[], float],
) -> Effect:
    policy = hook.integration.policy
    decision = decide(
        error, policy=policy, attempt=effect.tried + 1, first_tried_at=started, now=now, random=random
    )
    due: datetime | None = None
    tried = effect.tried + 1
    match decision:
        case RetryAt(moment, burns):
            due, tried = moment, effect.tried + burns
            if not burns:
                gate.hold(moment)
        case Pause(reason):
            due, tried = now, effect.tried
            gate.pause(reason)
    return Effect(effect.id, effect.name, effect.record_id, due, tried, started, described(error))
