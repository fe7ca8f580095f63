"""Records go, and what refers to them follows: some at a time, by one statement for each class.

1. Find who goes along by a cascade, and whose keys lead to them, level by level.
2. Who goes himself keeps nobody from going; refuse if anybody else does.
3. Who is to let go of them does.
4. Tell the database, who refers before who is referred to: so it need not cascade, and need not refuse.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.runtime.errors import StillReferenced
from framework.runtime.followed import Followed
from framework.runtime.parting import in_turn
from framework.runtime.work import Work
from framework.storage.statements import SOME
from framework.storage.tables import MADE_BY


class _Holders(NamedTuple):
    """Records of which a key leads to some that go."""

    shape: Shape  # of those that go
    referrer: Shape
    key: str
    records: list[Change]


def remove(work: Work, changes: Iterable[Change]) -> None:
    """Records go together, whoever of them refers to whom, and what refers to them by cascade; the rest must
    have let go of them.
    """
    going = {change: None for change in changes if change.after_row is not None}
    if any(change.shape.referrers for change in going):
        kept, freed = _gather(work, going)
        for holders in kept:
            _refuse_unless_going(holders, going)
        for holders in freed:
            _let_go(work, holders, going)
    for some in in_turn(work, list(going)):
        work.delete([change for change in some if change.stored])
        for change in some:
            work.gone(change)


def expire(work: Work, changes: Sequence[Change]) -> None:
    """Records go because they are not kept any longer: what was made of them once outlives them."""
    work.expired.update(changes)
    remove(work, changes)


def _gather(work: Work, going: dict[Change, None]) -> tuple[list[_Holders], list[_Holders]]:
    """Add all that follows by cascade to those who go; who keeps them from going, and who is to let go."""
    kept: list[_Holders] = []
    freed: list[_Holders] = []
    rest: dict[Shape, list[Change]] = {}
    for change in going:
        if change.shape.referrers:
            rest.setdefault(change.shape, []).append(change)
    while rest:
        shape, those = rest.popitem()
        some, those = those[:SOME], those[SOME:]
        if those:
            rest[shape] = those
        if work.concurrent:
            _hold(work, shape, some)
        for referrer, key, ondelete in shape.referrers:
            found = _holders(work, referrer, key, some)
            if not found:
                continue
            if ondelete == "CASCADE":
                _note_what_rules_made(work, found, None)
                new = {one: None for one in found if one not in going}
                if new:
                    going.update(new)
                    if referrer.referrers:
                        rest.setdefault(referrer, []).extend(new)
            else:
                to = freed if ondelete == "SET NULL" else kept
                to.append(_Holders(shape, referrer, key, found))
    return kept, freed


def _hold(work: Work, shape: Shape, going: list[Change]) -> None:
    """Nobody refers to them anew meanwhile."""
    statements = work.statements[shape]
    for change in going:
        if change.stored and change not in work.held:
            work.connection.tell(statements.hold, [statements.encode_id(change.id)])


def _holders(work: Work, referrer: Shape, key: str, going: list[Change]) -> list[Change]:
    if (referrer, key) in work.let_go:
        work.tell_of(referrer)  # what has let go of the record must not go with it
        work.let_go.discard((referrer, key))
    return work.where_any(referrer, key, [change.id for change in going])


def _refuse_unless_going(holders: _Holders, going: dict[Change, None]) -> None:
    for one in holders.records:
        if one.after_row is not None and one not in going:
            raise StillReferenced(
                model=holders.shape.name,
                id=one.after_row[holders.key],
                referrer=holders.referrer.name,
                field=holders.key,
            )


def _let_go(work: Work, holders: _Holders, going: dict[Change, None]) -> None:
    staying = [one for one in holders.records if one not in going]
    _note_what_rules_made(work, staying, holders.key)
    for one in staying:
        work.set(one, holders.key, None)
    if work.tenant is not None and staying:
        work.tell_of(holders.referrer)  # the database would set the tenant to NULL, too


def _note_what_rules_made(work: Work, others: list[Change], key: str | None) -> None:
    for other in others:
        made_by = other.after_row.get(MADE_BY) if other.after_row is not None else None
        if made_by is not None:
            work.followed.append(Followed(other.shape, other.id, made_by, key))
