"""What computations are over: relations, classes, and views of them, nested in any way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tests.engine.declared_at_random.rounds import Made
from tests.engine.declared_at_random.values import Test

OnDelete = Literal["CASCADE", "SET NULL", "RESTRICT"]


@dataclass(frozen=True)
class Reference:
    """A foreign key of an entity to an earlier one, or to its own, with relations on both ends."""

    source: int
    target: int
    ondelete: OnDelete
    takes: bool = False  # whether who refers to a record takes it from who did before

    @property
    def key(self) -> str:
        return f"e{self.target}_id"

    @property
    def to_one(self) -> str:
        return f"e{self.target}"

    @property
    def to_many(self) -> str:
        return f"all_e{self.source}"

    @property
    def nullable(self) -> bool:
        return self.ondelete == "SET NULL" or self.is_own or self.takes

    @property
    def is_own(self) -> bool:
        return self.source == self.target


@dataclass(frozen=True)
class Relation:
    """One end of a reference: the many that refer to a record, or the one that it refers to."""

    of: Reference
    is_one: bool

    @property
    def name(self) -> str:
        return self.of.to_one if self.is_one else self.of.to_many

    @property
    def models(self) -> tuple[int, ...]:
        """The entities that its records are of."""
        return (self.of.target if self.is_one else self.of.source,)

    @property
    def ways(self) -> frozenset[int]:
        """Those, and the entities of links on the way: no two that are merged have one in common."""
        return frozenset(self.models)


@dataclass(frozen=True)
class Through:
    """Those to whom links lead that refer to a record."""

    near: Reference
    far: Reference
    is_one = False

    @property
    def link(self) -> int:
        return self.near.source

    @property
    def name(self) -> str:
        return f"through_e{self.link}"

    @property
    def models(self) -> tuple[int, ...]:
        return (self.far.target,)

    @property
    def ways(self) -> frozenset[int]:
        return frozenset({self.link, self.far.target})


@dataclass(frozen=True)
class Friends:
    """Those whom links that make no difference between their ends bind to a record."""

    model: int
    name = "friends"
    is_one = False

    @property
    def models(self) -> tuple[int, ...]:
        return (self.model,)

    @property
    def ways(self) -> frozenset[int]:
        return frozenset(self.models)


@dataclass(frozen=True)
class Whole:
    """All records of an entity, or of all entities by the class that they extend."""

    models: tuple[int, ...]
    is_base: bool
    is_one = False

    @property
    def whole(self) -> "Whole":
        return self

    @property
    def name(self) -> str:
        return "Base" if self.is_base else f"E{self.models[0]}"

    @property
    def ways(self) -> frozenset[int]:
        return frozenset(self.models)


@dataclass(frozen=True)
class Part:
    """A filtered class."""

    number: int
    of: "Whole | Part"
    where: Test
    is_one = False

    @property
    def name(self) -> str:
        return f"Part{self.number}"

    @property
    def models(self) -> tuple[int, ...]:
        return self.of.models

    @property
    def ways(self) -> frozenset[int]:
        return self.of.ways

    @property
    def whole(self) -> Whole:
        return self.of.whole

    @property
    def source(self) -> str:
        return f"class {self.name}({self.of.name}, where=lambda r: {self.where.source('r')}):\n    pass\n"


@dataclass(frozen=True)
class Subset:
    """Those for which a test holds, or that belong to a filtered class."""

    number: int
    of: "Seen"
    where: Test | Part

    @property
    def name(self) -> str:
        return f"some{self.number}"

    @property
    def is_one(self) -> bool:
        return self.of.is_one

    @property
    def models(self) -> tuple[int, ...]:
        return self.of.models

    @property
    def ways(self) -> frozenset[int]:
        return self.of.ways

    @property
    def source(self) -> str:
        kind = "Any" if self.is_one else "list[Any]"
        where = self.where.name if isinstance(self.where, Part) else f"lambda r: {self.where.source('r')}"
        return f"    {self.name}: {kind} = subset({self.of.name}, {where})"


@dataclass(frozen=True)
class Merged:
    """The records of several, or the first that leads to one."""

    number: int
    parts: tuple["Seen", ...]

    @property
    def name(self) -> str:
        return f"joint{self.number}"

    @property
    def is_one(self) -> bool:
        return self.parts[0].is_one

    @property
    def models(self) -> tuple[int, ...]:
        return tuple(model for part in self.parts for model in part.models)

    @property
    def ways(self) -> frozenset[int]:
        return frozenset().union(*(part.ways for part in self.parts))

    @property
    def source(self) -> str:
        kind = "Any" if self.is_one else "list[Any]"
        return f"    {self.name}: {kind} = merged({', '.join(part.name for part in self.parts)})"


Class = Whole | Part
View = Subset | Merged
Seen = Relation | Through | Friends | Made | Class | View
"""What there is to be over."""


def behind(seen: Seen) -> Iterator[Seen]:
    """What it is made of, and it itself after that."""
    match seen:
        case Part():
            yield from behind(seen.of)
        case Subset():
            yield from behind(seen.of)
            if isinstance(seen.where, Part):
                yield from behind(seen.where)
        case Merged():
            for part in seen.parts:
                yield from behind(part)
    yield seen
