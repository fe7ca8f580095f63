"""What the facts of a schema's records come to, in plain Python."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from tests.engine.declared_at_random.schema import Property, Reference, Row, Schema, Subset


@dataclass
class World:
    """The facts of a schema's records, and everything that follows from them, in plain Python."""

    schema: Schema
    rows: list[dict[UUID, Row]] = field(default_factory=list)
    level: int = 1  # what the dial says

    def __post_init__(self) -> None:
        self.rows = self.rows or [{} for _ in self.schema.models]

    def copy(self) -> "World":
        rows = [{id: row.copy() for id, row in rows.items()} for rows in self.rows]
        return World(self.schema, rows, self.level)

    def delete(self, number: int, id: UUID) -> bool:
        """Delete a record with what follows it; whether nothing keeps it from going."""
        row = self.rows[number].pop(id, None)
        if row is None:
            return True
        for one in self.schema.references:
            if one.target != number:
                continue
            for other_id, other in list(self.rows[one.source].items()):
                if other[one.key] == id:
                    match one.ondelete:
                        case "CASCADE":
                            if not self.delete(one.source, other_id):
                                return False
                        case "SET NULL":
                            other[one.key] = None
                        case "RESTRICT":
                            return False
        return True

    def everything(self) -> tuple[list[dict[UUID, Row]], Row]:
        """All rows with their computed properties, and the Global's."""
        full = [{id: {"id": id, **row} for id, row in rows.items()} for rows in self.rows]
        total: Row = {}
        for number, one in in_order(self.schema):
            if number is None:
                assert isinstance(one.over, int)
                total[one.name] = one.compute(total, list(full[one.over].values()), self.level)
                continue
            for id, row in full[number].items():
                row[one.name] = one.compute(row, _related(one, full, id, row), self.level)
        return full, total

    def twins(self) -> list[int | None]:
        where, model = self.schema.twins_where, self.schema.models[0]
        if where is None:
            return []
        return [row[model.facts[0]] for row in self.rows[0].values() if where.of(row)]


def in_order(schema: Schema) -> Iterator[tuple[int | None, Property]]:
    """All properties, so that each comes after those that it may read: by the number in its name."""
    all_of: list[tuple[int | None, Property]] = [
        (model.number, one)
        for model in schema.models
        for one in model.properties
        if isinstance(one, Property)
    ]
    all_of += [(None, one) for one in schema.totals]
    return iter(sorted(all_of, key=lambda pair: int(pair[1].name[1:])))


def _related(one: Property, full: list[dict[UUID, Row]], id: UUID, row: Row) -> list[Row]:
    over = one.over
    reference = over.of if isinstance(over, Subset) else over
    if not isinstance(reference, Reference):
        return []
    if one.kind == "Lookup":
        key = row[reference.key]
        found = [full[reference.target][key]] if key is not None else []
    else:
        found = [other for other in full[reference.source].values() if other[reference.key] == id]
    return [other for other in found if not isinstance(over, Subset) or over.where.of(other)]
