"""What is unique in a class: by a field, a `Unique`, or an index."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, UniqueConstraint
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.visitors import iterate

from framework.model.record import Record
from framework.model.unique import CODE, LATER, Unique, Where
from framework.plan.mistakes import TwoUniques, UnknownRead, UnusableFilter


@dataclass(frozen=True, slots=True)
class UniquePlan:
    """Fields whose values no two records have, and the code of a violation."""

    columns: tuple[str, ...]
    code: str
    where: Where | None = None  # from the columns of a table to what a record must meet to count
    filters: frozenset[str] = frozenset()  # the columns that `where` reads


def uniques_of(model: type[Record], table: Table) -> tuple[UniquePlan, ...]:
    """All that is unique in a class, its id aside."""
    plans: dict[tuple[str, ...], UniquePlan] = {}
    for plan in _plans(model, table):
        if plan.columns in plans:
            raise TwoUniques(model=model.__name__, fields=", ".join(plan.columns))
        plans[plan.columns] = plan
    return tuple(plans.values())


def _plans(model: type[Record], table: Table) -> Iterator[UniquePlan]:
    found = [
        *((one.columns, one.info) for one in table.constraints if isinstance(one, UniqueConstraint)),
        *((one.columns, one.info) for one in table.indexes if one.unique),
    ]
    for columns, info in sorted((tuple(some.keys()), info) for some, info in found):  # they come from sets
        yield UniquePlan(columns, info.get(CODE) or code_of(columns))
    for later in table.info.get(LATER, ()):
        yield _filtered(model, table, later)


def _filtered(model: type[Record], table: Table, unique: Unique) -> UniquePlan:
    known = (*model.__facts__, *model.__computed__)
    for field in unique.fields:
        if field not in known:
            place = f"a Unique of {model.__name__}"
            raise UnknownRead(place=place, model=model.__name__, field=field, fields=", ".join(known))
    assert unique.where is not None, "what has no filter is a constraint already"
    filters, reason = _read_by(unique.where, table)
    if reason:
        raise UnusableFilter(model=model.__name__, fields=", ".join(unique.fields), reason=reason)
    return UniquePlan(unique.fields, unique.info.get(CODE) or code_of(unique.fields), unique.where, filters)


def _read_by(where: Where, table: Table) -> tuple[frozenset[str], str | None]:
    """The columns that a filter reads, or why it is none."""
    nothing: frozenset[str] = frozenset()
    try:
        criterion: Any = where(table.columns)
    except (AttributeError, TypeError, SQLAlchemyError) as error:
        return nothing, str(error)
    if not isinstance(criterion, ColumnElement):
        return nothing, f"it gives {criterion!r}"
    read: list[Any] = [one for one in iterate(criterion) if getattr(one, "table", None) is not None]
    if any(one.table is not table for one in read):
        return nothing, "it reads another class"
    return frozenset(one.name for one in read), None if read else "it reads no field"


def code_of(columns: tuple[str, ...]) -> str:
    """What a violation is called where nobody has named it."""
    return f"{'_'.join(columns)}_taken"
