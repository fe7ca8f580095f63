"""Statements that find what a retention lets go, and what it cannot."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from framework.model.apicall import CallStatus
from framework.plan.retentions import RetentionPlan
from framework.plan.shape import Kind, Shape
from framework.storage.statement import Statement
from framework.storage.statements import TableStatements, locked_against_references

_UNDER_WAY = (CallStatus.PENDING, CallStatus.PROCESSING)


class Beyond(NamedTuple):
    """The statements that find what is beyond a limit; the last parameter is how many at most."""

    any: str  # a row if one may go; it locks nothing
    going: str  # whole rows that may go, oldest first and locked
    held: str  # the ids of those that should go, and stay


class Expired:
    """The records of one retention that are too old, or too many.

    Before how many at most, the parameters of `by_age` are the moment, those of `by_number` the value that
    the records have in common (if there is one) and the cap.
    """

    def __init__(
        self, plan: RetentionPlan, statements: TableStatements, tables: Mapping[Shape, Table]
    ) -> None:
        self.plan = plan
        self._statements = statements
        self._table = statements.table
        self._held = _held(plan.shape, statements.table, tables, (plan.shape,))
        self._limit: Any = bindparam("limit_")
        if plan.since is not None:
            self._find_by_age(statements.table.c[plan.since])
        if plan.retention.cap is not None:
            self._find_by_number(None if plan.per is None else statements.table.c[plan.per])

    def _find_by_age(self, moment: Any) -> None:
        old = moment <= bindparam("before_")
        self.by_age = self._beyond(old, moment)
        later = select(moment).where(moment > bindparam("before_")).order_by(moment)
        self.next_moment = self._sql(_first(later, literal_column("1")))

    def _find_by_number(self, per: Any) -> None:
        id = self._table.c.id
        beyond = select(id).order_by(*self._statements.recency(newest=True)).offset(bindparam("cap_"))
        if self._statements.dialect.name == "sqlite":  # which has no OFFSET without a LIMIT
            beyond = beyond.limit(literal_column("-1"))
        if per is not None:
            beyond = beyond.where(per == bindparam("per_"))
            several = select(per).where(per.is_not(None)).group_by(per).order_by(per)
            self.crowded = self._sql(several.having(func.count() > bindparam("cap_")))
        many = id.in_(beyond.scalar_subquery())
        self.by_number = self._beyond(many, *self._statements.recency())

    def _beyond(self, condition: Any, *order: Any) -> Beyond:
        ids, rows = select(self._table.c.id).where(condition), select(*self._statements.columns)
        going = rows.where(condition, not_(self._held)).order_by(*order)
        return Beyond(
            any=self._sql(_first(ids.where(not_(self._held)), self._limit)),
            going=self._sql(locked_against_references(_first(going, self._limit))),
            held=self._sql(_first(ids.where(self._held), self._limit)),
        )

    def _sql(self, statement: Any) -> str:
        return Statement(statement, self._statements.dialect).sql


def _held(
    shape: Shape, table: Any, tables: Mapping[Shape, Table], path: tuple[Shape, ...]
) -> ColumnElement[bool]:
    """Whether something refers to a row that does not go with it, or a call that would is under way."""
    reasons: list[ColumnElement[bool]] = [false()]
    for number, (referrer, key, ondelete) in enumerate(shape.referrers):
        other = tables[referrer].alias(f"r{len(path)}_{number}")
        refers = other.c[key] == table.c.id
        match ondelete:
            case "SET NULL":
                continue
            case "CASCADE" if referrer in path:
                continue  # a circle says nothing new
            case "CASCADE":
                stays = _held(referrer, other, tables, (*path, referrer))
                if referrer.kind is Kind.CALL:
                    stays = or_(stays, *(other.c.status == literal_column(f"'{one}'") for one in _UNDER_WAY))
                reasons.append(exists().where(and_(refers, stays)))
            case _ if referrer is shape:
                reasons.append(exists().where(refers, other.c.id != table.c.id))
            case _:
                reasons.append(exists().where(refers))
    return or_(*reasons)


def _first(rows: Any, limit: Any) -> Any:
    """So many rows at most; with an OFFSET, because SQLAlchemy would make it a parameter for SQLite."""
    return rows.limit(limit).offset(literal_column("0"))
