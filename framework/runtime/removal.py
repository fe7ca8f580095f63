"""Records go, and what refers to them follows: some at a time, by one statement for each class."""

from collections.abc import Sequence
from itertools import islice

from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.runtime.errors import StillReferenced
from framework.runtime.followed import Followed
from framework.runtime.work import Work
from framework.storage.statements import SOME
from framework.storage.tables import MADE_BY


def remove(work: Work, change: Change) -> None:
    """A record goes, and what refers to it by cascade; the rest must have let go of it."""
    if change.after_row is not None and change not in work.going:
        _remove_some(work, change.shape, [change])


def remove_all(work: Work, shape: Shape, changes: Sequence[Change]) -> None:
    """Records of one class go, as `remove` has it."""
    rest = iter(changes)
    while some := list(islice(rest, SOME)):
        going = [change for change in some if change.after_row is not None and change not in work.going]
        if going:
            _remove_some(work, shape, going)


def expire(work: Work, shape: Shape, changes: Sequence[Change]) -> None:
    """Records go because they are not kept any longer: what was made of them once outlives them."""
    work.expired.update(changes)
    remove_all(work, shape, changes)


def _remove_some(work: Work, shape: Shape, going: list[Change]) -> None:
    work.going.update(going)  # a circle of cascades comes back to them
    if work.concurrent and shape.referrers:
        for change in going:
            if change.stored and change not in work.held:
                statements = work.statements[shape]
                work.connection.tell(statements.hold, [statements.encode_id(change.id)])
    for referrer, key, ondelete in shape.referrers:
        if (referrer, key) in work.let_go:
            work.tell_of(referrer)  # what has let go of the record must not go with it
            work.let_go.discard((referrer, key))
        others = work.where_any(referrer, key, [change.id for change in going])
        if ondelete in ("CASCADE", "SET NULL"):
            _note_what_rules_made(work, others, None if ondelete == "CASCADE" else key)
        if ondelete == "CASCADE":
            remove_all(work, referrer, others)
        elif ondelete == "SET NULL":
            for other in others:
                work.set(other, key, None)
            if work.tenant is not None:
                work.tell_of(referrer)  # the database would set the tenant to NULL, too
        else:
            for other in others:
                if other in work.doomed or _goes_anyway(work, other):
                    remove(work, other)
            _refuse(work, shape, referrer, key, others, going)
    work.delete([change for change in going if change.stored])
    for change in going:
        work.gone(change)


def _goes_anyway(work: Work, change: Change) -> bool:
    """Whether a record follows, by cascades, one that is going: then it keeps nobody from going."""
    rest, known = [change], {change}
    while rest:
        row, shape = rest[-1].after_row, rest.pop().shape
        for key, target in shape.references.items():
            if row is None or row[key] is None or (shape, key, "CASCADE") not in target.referrers:
                continue
            followed = work.find(target, row[key])
            if followed in work.going:
                return True
            if followed is not None and followed not in known:
                known.add(followed)
                rest.append(followed)
    return False


def _refuse(
    work: Work, shape: Shape, referrer: Shape, key: str, others: list[Change], going: list[Change]
) -> None:
    for other in others:
        if other.after_row is not None and other not in going and other not in work.doomed:
            raise StillReferenced(
                model=shape.name, id=other.after_row[key], referrer=referrer.name, field=key
            )


def _note_what_rules_made(work: Work, others: list[Change], key: str | None) -> None:
    for other in others:
        made_by = other.after_row.get(MADE_BY) if other.after_row is not None else None
        if made_by is not None:
            work.followed.append(Followed(other.shape, other.id, made_by, key))
