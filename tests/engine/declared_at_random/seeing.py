"""Who sees whom: the records that a computation is over, of facts in plain Python."""

from uuid import UUID

from tests.engine.declared_at_random.rounds import Made
from tests.engine.declared_at_random.seen import (
    Friends,
    Merged,
    Part,
    Relation,
    Seen,
    Subset,
    Through,
    Whole,
)
from tests.engine.declared_at_random.values import Row, Test

Members = dict[UUID, tuple[UUID | None, Row]]
"""The records of a relation of anybody, or of a class: for whom each counts, and what it is."""

NOBODY = UUID(int=1)

Pair = tuple[UUID, UUID]
"""The ends of a bond, as they were given."""

Bonds = dict[int, dict[UUID, Pair]]


def seen_by(over: Seen | None, full: list[dict[UUID, Row]], row: Row, bonds: Bonds) -> list[Row]:
    """The records that a row sees, oldest first: of what leads to one, that one or none."""
    match over:
        case Relation(of=reference, is_one=True):
            key = row[reference.key]
            return [] if key is None else [full[reference.target][key]]
        case Relation(of=reference):
            return [other for other in full[reference.source].values() if other[reference.key] == row["id"]]
        case Through():
            links = [one for one in full[over.link].values() if one[over.near.key] == row["id"]]
            ends = [one[over.far.key] for one in links if one[over.far.key] is not None]
            return [full[over.far.target][end] for end in ends]
        case Friends(model=model):
            pairs = [pair for pair in bonds.get(model, {}).values() if row["id"] in pair]
            return [full[model][one if other == row["id"] else other] for one, other in pairs]
        case Whole():
            return _oldest_first([one for model in over.models for one in full[model].values()])
        case Part() | Subset():
            return [other for other in seen_by(over.of, full, row, bonds) if _belongs(other, over.where)]
        case Merged():
            found = [other for part in over.parts for other in seen_by(part, full, row, bonds)]
            return found[:1] if over.is_one else _oldest_first(found)
        case Made() | None:
            return []


def members_of(over: Seen, full: list[dict[UUID, Row]]) -> Members:
    """All that count for anybody in what is no way through links; where a reference is empty, for nobody."""
    match over:
        case Relation(of=reference):
            return {id: (row[reference.key] or NOBODY, row) for id, row in full[reference.source].items()}
        case Whole():
            return {id: (None, row) for model in over.models for id, row in full[model].items()}
        case Part() | Subset():
            members = members_of(over.of, full).items()
            return {id: member for id, member in members if _belongs(member[1], over.where)}
        case Merged():
            return {id: member for part in over.parts for id, member in members_of(part, full).items()}
        case _:
            raise AssertionError("of links it is said who enters and leaves")


def _oldest_first(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["id"])


def _belongs(row: Row, where: Test | Part) -> bool:
    if isinstance(where, Test):
        return where.of(row)
    return where.where.of(row) and (isinstance(where.of, Whole) or _belongs(row, where.of))
