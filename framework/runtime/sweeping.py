"""Sweeping: what a retention does not keep goes, in batches, and everything follows.

1. Find what is too old, or beyond the newest that are kept, and is not held by what refers to it.
2. Remove a batch in one transaction. If something refers to one of them after all, remove each by itself.
3. Go on with 1 until nothing goes: what went may have held others, also of other retentions.
4. Tell what stays although it should go, and why.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from framework.model.apicall import IntegrationEvent
from framework.model.record import Record
from framework.observe import get_logger
from framework.plan.retentions import RetentionPlan
from framework.plan.shape import Kind
from framework.runtime.engine import Engine
from framework.runtime.errors import StillReferenced
from framework.runtime.removal import expire, remove
from framework.runtime.transaction import Transaction
from framework.runtime.work import Work
from framework.storage.expired import Beyond, Expired

BATCH = 200
"""Records that go in one transaction."""

AGAIN = timedelta(minutes=10)
"""When what could not go is looked at again, though nothing was said about it."""

_SHOWN = 20
_log = get_logger(__name__)


@dataclass(frozen=True)
class Swept:
    """What became of one retention: how many records went, and which stay although they should go (the first
    twenty) because something refers to them, or a call that would go with them is under way.
    """

    retention: str
    model: type[Record]
    removed: int
    held: tuple[UUID, ...] = ()


class Sweeper:
    """Carries out all retentions of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        database = engine.database
        self._all = [
            Expired(plan, database.statements[plan.shape], database.tables.of)
            for plan in engine.plan.retentions
        ]
        self._noting = threading.Lock()
        self._crowded: dict[Expired, set[Any]] | None = None  # None: nobody has counted yet
        self._holds = False

    @property
    def shapes(self) -> frozenset[Any]:
        """The classes whose records may have to go."""
        return frozenset(one.plan.shape for one in self._all)

    def note(self, work: Work) -> None:
        """Remember where records were added, so that not all have to be counted again."""
        self.expect(dict(grown(self._engine.plan.retentions, work)))

    def expect(self, crowded: Mapping[str, Iterable[Any]]) -> None:
        """Records were added there, by the name of the retention that keeps so many of them."""
        with self._noting:
            for one in self._all:
                if self._crowded is not None and one.plan.per is not None and one.plan.name in crowded:
                    self._crowded.setdefault(one, set()).update(crowded[one.plan.name])

    def sweep(self) -> list[Swept]:
        """Let go what is not kept any more."""
        with self._noting:
            noted, self._crowded = self._crowded, {}
        limits = [
            (one, tuple(self._limits(one, None if noted is None else noted.get(one, set()))))
            for one in self._all
        ]
        removed = Counter[str]()
        while True:
            swept = [self._sweep(one, those) for one, those in limits]
            went = {one.retention: one.removed for one in swept if one.removed}
            removed.update(went)
            if not went:
                break
        swept = [replace(one, removed=removed[one.retention]) for one in swept]
        self._holds = any(one.held for one in swept)
        for one in swept:
            if one.held:
                _log.warning("retention.held", retention=one.retention, records=len(one.held))
        return swept

    def next_moment(self) -> datetime | None:
        """When something will be too old; sooner if something is held that should go."""
        now = self._engine.clock.now()
        moments = [now + AGAIN] if self._holds else []
        with self._engine.database.reading() as connection:
            for one in self._all:
                ttl = one.plan.retention.ttl
                if ttl is not None and one.plan.since is not None:
                    codec = self._engine.database.statements[one.plan.shape].codec
                    found = connection.row(one.next_moment, [codec.encode_one(one.plan.since, now - ttl)])
                    if found is not None:
                        moments.append(codec.decode_one(one.plan.since, found[0]) + ttl)
        return min(moments, default=None)

    def _sweep(self, one: Expired, limits: Iterable[tuple[Beyond, Sequence[Any]]]) -> Swept:
        removed, held = 0, dict[UUID, None]()
        for beyond, parameters in limits:
            removed += self._remove(one, beyond, parameters, held)
            held |= dict.fromkeys(self._held(one, beyond.held, parameters))
        return Swept(one.plan.name, one.plan.shape.model, removed, tuple(held)[:_SHOWN])

    def _limits(self, one: Expired, crowded: set[Any] | None) -> Iterator[tuple[Beyond, Sequence[Any]]]:
        """The statements by which records are found, with their parameters."""
        plan = one.plan
        codec = self._engine.database.statements[plan.shape].codec
        if plan.retention.ttl is not None and plan.since is not None:
            before = codec.encode_one(plan.since, self._engine.clock.now() - plan.retention.ttl)
            yield one.by_age, [before]
        cap = plan.retention.cap
        if cap is None:
            return
        if plan.per is None:
            yield one.by_number, [cap]
            return
        if crowded is None:
            with self._engine.database.reading() as connection:
                values = [values[0] for values in connection.rows(one.crowded, [cap])]
        else:
            values = [codec.encode_one(plan.per, value) for value in crowded if value is not None]
        for value in values:
            yield one.by_number, [value, cap]

    def _remove(self, one: Expired, beyond: Beyond, parameters: Sequence[Any], held: dict[UUID, None]) -> int:
        with self._engine.database.reading() as connection:
            if connection.row(beyond.any, [*parameters, 1]) is None:
                return 0  # nobody need wait for that
        removed = 0
        while len(held) < BATCH:
            batch = [*parameters, BATCH + len(held)]
            try:
                went = self._engine.write(
                    partial(_remove, plan=one.plan, sql=beyond.going, parameters=batch, held=held)
                )
            except StillReferenced:
                went = self._remove_each(one, beyond.going, batch, held)
            removed += went
            if went < BATCH:
                break
        return removed

    def _remove_each(self, one: Expired, sql: str, parameters: Sequence[Any], held: dict[UUID, None]) -> int:
        """Remove those that can be removed, each in a transaction of its own, and note the others."""
        statements = self._engine.database.statements[one.plan.shape]
        found = self._engine.write(lambda tx: tx.work.connection.rows(sql, parameters))
        removed = 0
        for id in [statements.codec.decode(values)["id"] for values in found]:
            if id not in held:
                held[id] = None
                with suppress(StillReferenced):
                    removed += self._engine.write(partial(_remove_one, plan=one.plan, id=id))
                    del held[id]
        return removed

    def _held(self, one: Expired, sql: str, parameters: Sequence[Any]) -> list[UUID]:
        codec = self._engine.database.statements[one.plan.shape].codec
        with self._engine.database.reading() as connection:
            rows = connection.rows(sql, [*parameters, _SHOWN])
        return [codec.decode_one("id", id) for (id,) in rows]


def grown(plans: Iterable[RetentionPlan], work: Work) -> Iterator[tuple[str, set[Any]]]:
    """Of each retention that keeps so many, by its name, where there are more since a transaction."""
    for plan in plans:
        if plan.retention.cap is not None and plan.shape in work.rows:
            per = plan.per or "id"
            values = {
                change.after_row[per] if plan.per else None
                for change in work.rows[plan.shape].values()
                if change.after_row is not None
                and (change.before_row is None or change.before_row[per] != change.after_row[per])
            }
            if values:
                yield plan.name, values


def _remove(
    transaction: Transaction, plan: RetentionPlan, sql: str, parameters: Sequence[Any], held: dict[UUID, None]
) -> int:
    work = transaction.work
    found = [work.adopt(plan.shape, values) for values in work.connection.rows(sql, parameters)]
    going = [change for change in found if change.id not in held]
    expire(work, going)
    _forget(work)
    return len(going)


def _remove_one(transaction: Transaction, plan: RetentionPlan, id: UUID) -> int:
    change = transaction.work.find(plan.shape, id)
    if change is None:
        return 0
    expire(transaction.work, [change])
    _forget(transaction.work)
    return 1


def _forget(work: Work) -> None:
    """What was said about calls that went goes, too."""
    for shape, changes in list(work.rows.items()):
        if shape.kind is Kind.CALL:
            events = next(one for one in work.statements if one.model is IntegrationEvent)
            for change in [one for one in changes.values() if one.after_row is None]:
                remove(work, work.where(events, "call_id", change.id))
