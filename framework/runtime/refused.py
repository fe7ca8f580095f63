"""Why the database refused a row: a reference to nothing, a value that is taken, or too large."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from uuid import UUID

from framework.errors import InvariantBroken
from framework.plan.node import AdditiveNode, Member
from framework.plan.shape import Shape
from framework.plan.uniques import code_of
from framework.runtime.amounts import Amounts
from framework.runtime.change import Change
from framework.runtime.errors import AlreadyExists, MissingReference, NotText, NumberTooLarge
from framework.storage.codec import Row
from framework.storage.violation import Constraint, Violation
from framework.tenancy import within

if TYPE_CHECKING:
    from framework.runtime.records import Records


def explained(work: "Records", violation: Violation, batch: list[Change]) -> Exception:
    """The error for a violated constraint: one of the rows, all of one class, has violated it."""
    explained: Exception | None = None
    if violation.position is not None:
        batch = [batch[violation.position]]
    match violation.constraint:
        case Constraint.REFERENCE:
            explained = _without_reference(work, violation, batch)
        case Constraint.UNIQUE:
            explained = _not_unique(work, violation, batch)
        case Constraint.NUMBER:
            explained = too_large(work, batch, str(violation))
        case Constraint.TEXT:
            explained = NotText(reason=str(violation))
    problem = f"the database refused a row of {batch[0].shape.name}: {violation}"
    return explained or InvariantBroken(problem=problem)


def not_added(work: "Records", violation: Violation, shape: Shape, id: UUID, amounts: Amounts) -> Exception:
    """The error for amounts that the database could not add to a record."""
    match violation.constraint:
        case Constraint.PRESENCE:
            return missing(work, shape, id)
        case Constraint.NUMBER:
            names = {
                one.property for node in amounts for one in node.members if _adds(node, amounts[node], one)
            }
            places = " or ".join(f"{shape.name}.{name}" for name in sorted(names))
            return NumberTooLarge(reason=f"{places} of {id} outgrows them ({violation})")
        case _:
            return violation


def _adds(node: AdditiveNode, vector: Sequence[int], member: Member) -> bool:
    return any(amount for state, amount in zip(node.states, vector, strict=True) if state in member.states)


def too_large(work: "Records", changes: Iterable[Change], reason: str) -> NumberTooLarge:
    """The error for a number that no column keeps: of the first record that would have one."""
    for change in changes:
        for name, value in (change.after_row or {}).items():
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                place = f"{change.shape.title}.{_property_of(work, change.shape, name)}"
                return NumberTooLarge(reason=f"{place} of {change.id} would be {value}")
    return NumberTooLarge(reason=reason)


def _property_of(work: "Records", shape: Shape, column: str) -> str:
    """The property of which a column keeps the state, or the column's own name."""
    for node in work.database.plan.nodes:
        if isinstance(node, AdditiveNode) and node.route.host is shape:
            for member in node.members:
                if column in member.states:
                    return member.property
    return column


def missing(work: "Records", shape: Shape, id: UUID) -> Exception:
    """The error for amounts that belong to a record that is not there: find who refers to it."""
    for referrer, key, _ in shape.referrers:
        for change in work.rows.get(referrer, {}).values():
            if change.after_row is not None and change.after_row[key] == id:
                return MissingReference(model=referrer.name, field=key, target=shape.name, id=id)
    return InvariantBroken(problem=f"amounts for {shape.name} {id}, which does not exist")


def _without_reference(work: "Records", violation: Violation, batch: list[Change]) -> Exception | None:
    for change in batch:
        for key, target in change.shape.references.items():
            id = change.after_row[key] if change.after_row else None
            if id is not None and _is_missing(work, violation, target, key, id):
                return MissingReference(model=change.shape.name, field=key, target=target.name, id=id)
    return None


def _is_missing(work: "Records", violation: Violation, target: Shape, key: str, id: UUID) -> bool:
    if violation.detail is not None:
        return violation.columns == (key,) and violation.blames({key: id})
    if violation.columns not in ((), (key,)):
        return False
    known = work.rows.get(target, {}).get(id)
    if known is not None:
        return not known.stored
    sql, parameters = work.statements[target].selection(("id",))
    return not _asked(work, sql, parameters.of({"id": id}))


def _not_unique(work: "Records", violation: Violation, batch: list[Change]) -> Exception | None:
    columns = violation.columns
    for change in batch:
        row = change.after_row
        if row is None or not columns or not row.keys() >= set(columns):
            continue
        if len(batch) == 1 or violation.blames(row) or _is_taken(work, violation, change):
            values = ", ".join(repr(str(row[column])) for column in columns)
            names, code = ", ".join(columns), _code(change, columns)
            return AlreadyExists(model=change.shape.title, columns=names, values=values, code=code)
    return None


def _code(change: Change, columns: tuple[str, ...]) -> str:
    return next((one.code for one in change.shape.uniques if one.columns == columns), code_of(columns))


def _is_taken(work: "Records", violation: Violation, change: Change) -> bool:
    if violation.detail is not None or change.after_row is None:
        return False
    columns = violation.columns
    statements = work.statements[change.shape]
    key = statements.natural_keys.get(columns)
    sql, parameters = statements.selection(columns) if key is None else key.look
    for values in _asked(work, sql, parameters.of(change.after_row)):
        if not _is_itself(statements.codec.decode(values), change):
            return True
    twins = [one for one in work.rows[change.shape].values() if one.after_row and one is not change]
    return any(
        all(twin.after_row[name] == change.after_row[name] for name in columns)
        for twin in twins
        if twin.after_row
    )


def _is_itself(stored: Row, change: Change) -> bool:
    """Whether a row is that of the record, which may have been stored before the one that was refused."""
    row = change.after_row
    return row is not None and all(stored[name] == row[name] for name in change.shape.facts)


def _asked(work: "Records", sql: str, parameters: Sequence[Any]) -> list[Any]:
    """What the database answers. Another connection is asked where this one, having been refused something,
    answers nothing more; whoever is entered when that is found out.
    """
    with (
        within(work.tenant),
        work.database.reading() if work.concurrent else nullcontext(work.connection) as connection,
    ):
        return connection.rows(sql, parameters)
