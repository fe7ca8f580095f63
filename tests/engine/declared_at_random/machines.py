"""Machines: how they stand, after what has happened since they were last looked at, in plain Python."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tests.engine.declared_at_random.properties import MOVES, Property
from tests.engine.declared_at_random.rounds import Cause, State
from tests.engine.declared_at_random.seeing import Members, members_of
from tests.engine.declared_at_random.values import Row

Host = tuple[str, UUID | None]
"""A property of a record, or of the Global."""


@dataclass
class Machines:
    """The states of all, and what each knew."""

    states: dict[Host, State] = field(default_factory=dict)
    seen: dict[Host, frozenset[UUID]] = field(default_factory=dict)  # who was there
    members: dict[str, Members] = field(default_factory=dict)  # the same, of whomever
    values: dict[Host, int | None] = field(default_factory=dict)  # of the one record that there was

    def copy(self) -> "Machines":
        return Machines(self.states.copy(), self.seen.copy(), self.members.copy(), self.values.copy())

    def state(
        self,
        one: Property,
        id: UUID | None,
        records: list[Row],
        moved: Mapping[UUID | None, int],
        before: Sequence[Cause],
    ) -> State:
        """How a machine stands, after what happened since it was last looked at."""
        host = one.name, id
        was, now = self.seen.get(host, frozenset()), frozenset(row["id"] for row in records)
        self.seen[host] = now
        times = {"Entered": len(now - was), "Left": len(was - now)}.get(one.kind, moved.get(id, 0))
        if one.over is not None and one.over.is_one:
            times = self._times_of_one(one, host, was, records, times)
        for cause in (*before, *("moved",) * times):
            state = self.states.get(host, "still")
            self.states[host] = next(
                (target for source, target, by in one.moves if (source, by) == (state, cause)), state
            )
        return self.states.get(host, "still")

    def _times_of_one(
        self, one: Property, host: Host, was: frozenset[UUID], records: list[Row], times: int
    ) -> int:
        """How often the one record that another leads to gave reason to move."""
        match one.kind:
            case "Created":
                return int(not was and bool(records))
            case "Deleted":
                return int(bool(was) and not records)
            case "Changed":
                assert one.value is not None, "it is the value that changes"
                value = records[0][one.value.field] if records else None
                then, self.values[host] = self.values.get(host), value
                return int(was == {row["id"] for row in records} and then != value and bool(was))
            case "Became":
                assert one.value is not None, "it is the value that is reached"
                value = records[0][one.value.field] if records else None
                then, self.values[host] = self.values.get(host), value
                is_another = was != {row["id"] for row in records}
                return int(value == one.reached and (is_another or then != value))
            case _:
                return times

    def moved(
        self, one: Property, host: int | None, full: list[dict[UUID, Row]]
    ) -> Mapping[UUID | None, int]:
        """How many came to be, are gone, or have changed, by the record for which they count."""
        if one.kind not in MOVES[2:] or (one.over is not None and one.over.is_one):
            return {}
        now: Members
        if one.over is not None:
            now = members_of(one.over, full)
        else:
            assert host is not None, "it is a record that moves of itself"
            now = {id: (id, row) for id, row in full[host].items()}
        was, self.members[one.name] = self.members.get(one.name, {}), now
        match one.kind:
            case "Created":
                return Counter(now[id][0] for id in now.keys() - was.keys())
            case "Deleted":
                return Counter(was[id][0] for id in was.keys() - now.keys())
        assert one.value is not None, "it is the value that changes"
        name = one.value.field
        if one.kind == "Became":
            come = [id for id in now if id not in was or was[id][1][name] != one.reached]
            return Counter(now[id][0] for id in come if now[id][1][name] == one.reached)
        return Counter(now[id][0] for id in now.keys() & was.keys() if now[id][1][name] != was[id][1][name])
