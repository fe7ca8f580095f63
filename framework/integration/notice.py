"""Notices: what the workers of other processes are told of a transaction, once it is committed.

A moment that is further off than `HORIZON` is not told: every worker looks into the database more often.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from framework.integration.desk import Desk
from framework.integration.effects import Hook, made_any
from framework.integration.tidings import Tidings
from framework.plan.node import DeadlineNode
from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.runtime.engine import Engine
from framework.runtime.sweeping import grown
from framework.runtime.work import Work

HORIZON = timedelta(minutes=1)

LONGEST = 7999
"""So many bytes the server takes at most."""


@dataclass(frozen=True)
class Notice:
    """The first moments at which there is something to do: for the calls of each class, for side effects, and
    for the deadlines and retentions of a tenant. `later`: of these classes there are calls that are due later
    than the first. `everything`: look for yourself. `missed`: do so, and what was told may hold no more.
    `joined`, `left`, `leads`: the worker with this token does so. `renew`: whoever has calls under way renews
    their leases, as when somebody joins. `tidings`: what a worker found out about a vendor. `asks`: who only
    listens, under this token, wants to know how vendors are, and tidings that are an `answer` are for such
    alone. `crowded`: where records were added of which a retention keeps so many, by
    its name. `by` is the token of the engine that tells it.
    """

    by: str = ""
    tenant: str | None = None
    calls: Mapping[str, datetime] = field(default_factory=dict)
    later: frozenset[str] = frozenset()
    effects: datetime | None = None
    turns: datetime | None = None
    everything: bool = False
    missed: bool = False
    joined: str = ""
    left: str = ""
    leads: str = ""
    tidings: Tidings | None = None
    renew: bool = False
    asks: str = ""
    answer: bool = False
    crowded: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether a transaction made nothing due."""
        return not (self.calls or self.effects or self.turns)

    def text(self) -> str:
        """It as it is told."""
        said: dict[str, Any] = {
            "by": self.by,
            "tenant": self.tenant,
            "calls": {name: moment.timestamp() for name, moment in self.calls.items()},
            "later": sorted(self.later),
            "effects": self.effects and self.effects.timestamp(),
            "turns": self.turns and self.turns.timestamp(),
            "everything": self.everything,
            "joined": self.joined,
            "left": self.left,
            "leads": self.leads,
            "tidings": self.tidings and self.tidings.said(),
            "renew": self.renew,
            "asks": self.asks,
            "answer": self.answer,
            "crowded": self.crowded,
        }
        said = {name: value for name, value in said.items() if value}
        text = json.dumps(said, separators=(",", ":"), default=str)
        return text if len(text) <= LONGEST else EVERYTHING.text()

    @classmethod
    def read(cls, text: str) -> "Notice":
        """What was told; whoever does not understand it looks for himself."""
        try:
            said = json.loads(text)
            return cls(
                by=said.get("by", ""),
                tenant=said.get("tenant"),
                calls={name: _moment(at) for name, at in said.get("calls", {}).items()},
                later=frozenset(said.get("later", ())),
                effects=_moment(said["effects"]) if "effects" in said else None,
                turns=_moment(said["turns"]) if "turns" in said else None,
                everything=bool(said.get("everything")),
                joined=str(said.get("joined", "")),
                left=str(said.get("left", "")),
                leads=str(said.get("leads", "")),
                tidings=Tidings.read(said["tidings"]) if "tidings" in said else None,
                renew=bool(said.get("renew")),
                asks=str(said.get("asks", "")),
                answer=bool(said.get("answer")),
                crowded=said.get("crowded", {}),
            )
        except (ValueError, TypeError, AttributeError, OverflowError):
            return EVERYTHING


EVERYTHING = Notice(everything=True)

MISSED = Notice(everything=True, missed=True)
"""What a worker tells itself that was deaf for a while."""


class Announcer:
    """Finds out what is to be told of a transaction, and lets it be told; a listener of the engine."""

    def __init__(self, engine: Engine, desks: Iterable[Desk], hooks: Sequence[Hook]) -> None:
        self._engine = engine
        self._desks = {desk.shape: desk for desk in desks}
        self._hooked = frozenset(hook.shape for hook in hooks)
        self._turning: dict[Shape, list[str]] = {}
        for node in engine.plan.nodes:
            if isinstance(node, DeadlineNode):
                self._turning.setdefault(node.host, []).append(node.turns_at)
        self._aging = [
            (one.shape, one.since, one.retention.ttl)
            for one in engine.plan.retentions
            if one.since is not None and one.retention.ttl is not None and one.retention.ttl <= HORIZON
        ]

    def announce(self, work: Work) -> None:
        """A transaction was committed."""
        crier = self._engine.database.crier
        if crier is not None and not crier.alone:  # to find out what is to be told would cost something
            notice = self.notice(work)
            if not notice.is_empty:
                crier.cry(notice.text())

    def notice(self, work: Work) -> Notice:
        """What is to be told."""
        moments = {
            shape.name: self._due(self._desks[shape], work) for shape in work.rows.keys() & self._desks.keys()
        }
        calls = {name: first for name, of in moments.items() if (first := _soon(of, work.now)) is not None}
        later = frozenset(name for name, first in calls.items() if max(moments[name]) > first)
        effects = work.now if made_any(work, self._hooked) else None
        more = grown(self._engine.plan.retentions, work)
        crowded = {name: sorted(values, key=str) for name, values in more}
        turns = work.now if crowded else self._turns(work)
        return Notice(self._engine.token, work.tenant, calls, later, effects, turns, crowded=crowded)

    def _due(self, desk: Desk, work: Work) -> list[datetime]:
        """When there is something to do for the calls that a transaction made, or moved."""
        ordered = desk.policy.ordering_key is not None
        moments = []
        for change in work.rows[desk.shape].values():
            at = _new(change, "_due_at")
            row = change.after_row
            if at is not None and row is not None and row["_leased_until"] is None:
                moments.append(max(at, work.now))
            elif ordered and change.before_row is not None and (row is None or row["_due_at"] is None):
                moments.append(work.now)  # the next of its key may go
        return moments

    def _turns(self, work: Work) -> datetime | None:
        moments = [
            at
            for shape in work.rows.keys() & self._turning.keys()
            for change in work.rows[shape].values()
            for column in self._turning[shape]
            if (at := _new(change, column)) is not None
        ]
        moments += [
            at + ttl
            for shape, since, ttl in self._aging
            for change in work.rows.get(shape, {}).values()
            if (at := _new(change, since)) is not None
        ]
        return _soon(moments, work.now)


def _new(change: Change, column: str) -> datetime | None:
    """The moment that a column has now, and had not before."""
    row, before = change.after_row, change.before_row
    if row is None or (before is not None and before[column] == row[column]):
        return None
    return row[column]  # type: ignore[no-any-return]  # a column of moments


def _soon(moments: Sequence[datetime], now: datetime) -> datetime | None:
    first = min(moments, default=None)
    return first if first is not None and first <= now + HORIZON else None


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
