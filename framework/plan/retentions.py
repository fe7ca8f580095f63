"""Retentions: which records go by age or number, and the mistakes that can be seen without data."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from framework.computations.retention import Retention
from framework.model.apicall import IntegrationEvent
from framework.model.columns import is_moment, without_none
from framework.plan.mistakes import UnknownRead, UnusableRetention
from framework.plan.shape import IndexPlan, Kind, Shape
from framework.plan.shapes import Shapes
from framework.plan.tableless import with_table


@dataclass(frozen=True, eq=False)
class RetentionPlan:
    """A retention, with the class and the fields that it counts by."""

    retention: Retention
    shape: Shape
    since: str | None  # where age counts from; None: age does not matter

    @property
    def name(self) -> str:
        """What is kept, as people say it."""
        kept = []
        if self.retention.ttl is not None:
            kept.append(f"{self.retention.ttl} from {self.since}")
        if self.retention.cap is not None:
            kept.append(f"the newest {self.retention.cap}" + (f" per {self.per}" if self.per else ""))
        return f"{self.shape.name}: {' and '.join(kept)}"

    @property
    def per(self) -> str | None:
        return self.retention.per


def take_retentions(shapes: Shapes, retentions: Iterable[Retention]) -> tuple[RetentionPlan, ...]:
    """The retentions, checked, with an index for what they look for."""
    plans = []
    for retention in retentions:
        shape = with_table(shapes, retention.model, "a Retention")
        reason = _against_the_class(shape) or _against_the_numbers(retention)
        if reason:
            raise UnusableRetention(model=shape.name, reason=reason)
        since = _since(shape, retention)
        for field in (since, retention.per):
            if field is not None:
                _index(shape, field)
        if retention.cap is not None and retention.per is None:
            shape.indexes.append(IndexPlan((), by_recency=True))
        plans.append(RetentionPlan(retention, shape, since))
    return tuple(plans)


def _against_the_class(shape: Shape) -> str | None:
    if shape.kind is Kind.GLOBAL:
        return "its one row is always there."
    if shape.kind is Kind.CALL or shape.model is IntegrationEvent:
        return (
            "calls and what is said of them go with what they were made for. Retain that, with "
            '`ondelete="CASCADE"` on the key of the call.'
        )
    for maker in shape.makers:
        if not (maker.once and shape.kind is Kind.ENTITY):
            return f"the rule {maker.rule.name} would miss them. Retain {maker.source.name}, their source."
    for plan in shape.activities:
        if plan.opening is not shape:
            return (
                f"the activity {plan.name} would have a gap. Retain {plan.opening.name}, and let "
                f'{shape.name} go with it: `ondelete="CASCADE"` on {plan.keys[shape]}.'
            )
    return None


def _against_the_numbers(retention: Retention) -> str | None:
    ttl: Any = retention.ttl
    cap: Any = retention.cap
    if ttl is None and cap is None:
        return "it says neither how long nor how many. Give `ttl` or `cap`."
    if ttl is not None and not (isinstance(ttl, timedelta) and ttl > timedelta(0)):
        return f"{ttl!r} is no time to live. Give a timedelta: `ttl=timedelta(days=30)`."
    if cap is not None and not (type(cap) is int and cap > 0):
        return f"a cap of {cap!r} keeps nothing. Give a whole number from 1: `cap=100`."
    if retention.per is not None and retention.cap is None:
        return "`per` belongs to a `cap`."
    if retention.since is not None and retention.ttl is None:
        return "`since` belongs to a `ttl`."
    return None


def _since(shape: Shape, retention: Retention) -> str | None:
    for field in (retention.since, retention.per):
        if field is not None and field not in shape.fields:
            fields = ", ".join(shape.fields)
            raise UnknownRead(
                place=f"a Retention of {shape.name}", model=shape.name, field=field, fields=fields
            )
    if retention.ttl is None:
        return None
    since = retention.since or ("at" if shape.kind is Kind.EVENT else None)
    if since is None:
        raise UnusableRetention(
            model=shape.name, reason='age counts from a moment. Name its field: `since="..."`.'
        )
    if not is_moment(without_none(shape.model.model_fields[since].annotation)):
        raise UnusableRetention(model=shape.name, reason=f"{since} is no datetime.")
    return since


def _index(shape: Shape, field: str) -> None:
    column: Any = shape.table.c[field]
    if not (column.index or column.unique or any(one.columns == (field,) for one in shape.indexes)):
        shape.indexes.append(IndexPlan((field,)))
