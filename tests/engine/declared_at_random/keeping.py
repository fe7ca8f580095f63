"""How long, or how many, records are kept: what goes of an entity as time goes by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.engine.declared_at_random.seen import Reference
from tests.engine.declared_at_random.values import Row

START = datetime(2026, 1, 1, tzinfo=UTC)
Rows = Sequence[dict[UUID, Row]]


@dataclass(frozen=True)
class Keeping:
    """A retention of an entity: the newest few, of all or of each host, or of so many hours, or both."""

    model: int
    cap: int | None
    per: Reference | None
    hours: int | None

    @property
    def source(self) -> str:
        said = [f"E{self.model}"]
        if self.hours is not None:
            said.append(f'ttl=timedelta(hours={self.hours}), since="at"')
        if self.cap is not None:
            said.append(f"cap={self.cap}")
        if self.per is not None:
            said.append(f'per="{self.per.key}"')
        return f"KEPT = Retention({', '.join(said)})\n"

    def limits(self, rows: Rows, now: int) -> Iterator[list[UUID]]:
        """Who should go so many minutes after the start, oldest first: of those who are there each time."""
        mine = rows[self.model]
        if self.hours is not None:
            before = moment(now - 60 * self.hours)
            yield [id for id, row in mine.items() if row["at"] <= before]
        if self.cap is not None and self.per is None:
            yield [*mine][: -self.cap]
        elif self.cap is not None and self.per is not None:
            key = self.per.key
            hosts = sorted({row[key] for row in mine.values()} - {None})
            crowded = [host for host in hosts if len(_of(mine, key, host)) > self.cap]
            for host in crowded:
                yield _of(mine, key, host)[: -self.cap]


def moment(minutes: int) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=minutes)


def _of(rows: dict[UUID, Row], key: str, host: UUID) -> list[UUID]:
    return [id for id, row in rows.items() if row[key] == host]


def is_held(
    model: int, id: UUID, references: Sequence[Reference], rows: Rows, path: tuple[int, ...] = ()
) -> bool:
    """Whether who refers to the record, or to one that would go with it, neither goes nor lets go."""
    path = (*path, model)
    for one in references:
        if one.target != model:
            continue
        those = [other for other, row in rows[one.source].items() if row[one.key] == id]
        match one.ondelete:
            case "RESTRICT":
                held = any(other != id or not one.is_own for other in those)
            case "CASCADE" if one.source not in path:
                held = any(is_held(one.source, other, references, rows, path) for other in those)
            case _:
                held = False
        if held:
            return True
    return False
