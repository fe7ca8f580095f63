"""Ensuring: a record is there under its natural key, whoever made it."""

from framework.model.words import check_names
from framework.plan.shape import Shape
from framework.plan.uniques import UniquePlan
from framework.runtime.change import Change
from framework.runtime.errors import AmbiguousKey, NoNaturalKey
from framework.runtime.refused import explained
from framework.runtime.work import Work
from framework.storage.codec import Row
from framework.storage.errors import TransactionInterrupted
from framework.storage.violation import Violation


def key_of(shape: Shape, fields: tuple[str, ...] | None) -> UniquePlan:
    """The unique key that is named, or the only one that there is."""
    if fields is not None:
        check_names(fields, "by", "`tx.ensure`")
        fields = tuple(str(getattr(one, "key", one)) for one in fields)
    known = " or ".join(f"({', '.join(one.columns)})" for one in shape.uniques)
    if fields is None and len(shape.uniques) > 1:
        raise AmbiguousKey(model=shape.name, keys=known)
    found = [one for one in shape.uniques if fields is None or set(one.columns) == set(fields)]
    if not found:
        raise NoNaturalKey(model=shape.name, key=", ".join(fields or ()) or "anything", keys=known or "none")
    return found[0]


def ensure(work: Work, shape: Shape, unique: UniquePlan, row: Row) -> Change:
    """The record with these unique values: a new one, or the one that is there."""
    work.tell_of(shape)
    key = work.statements[shape].natural_keys[unique.columns]
    insertion, values = key.insertion
    try:
        inserted = work.connection.run(insertion, values.of(row))
    except Violation as violation:  # it is another constraint that is violated
        raise explained(work, violation, [Change(shape, row["id"], None, row, stored=False)]) from violation
    if inserted:
        change = work.insert(shape, row)
        work.untold.has_been_told(change)
        return change
    selection, parameters = key.selection
    found = work.connection.row(selection, parameters.of(row))
    if found is None:
        raise TransactionInterrupted(reason=f"a {shape.name} with this key went meanwhile")
    return work.adopt(shape, found)
