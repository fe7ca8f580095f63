"""What there is of a schema while it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations

from tests.engine.declared_at_random.properties import Property
from tests.engine.declared_at_random.seen import (
    Class,
    Friends,
    Merged,
    Part,
    Reference,
    Relation,
    Seen,
    Through,
    View,
    Whole,
    behind,
)

GLOBAL = -1


@dataclass
class Drawn:
    """What there is so far."""

    facts: list[tuple[str, ...]]
    references: list[Reference]
    is_descending: bool
    friendly: frozenset[int]
    properties: dict[int, list[Property]] = field(init=False)
    classes: list[Class] = field(init=False)
    views: dict[int, list[View]] = field(init=False)

    def __post_init__(self) -> None:
        everybody = range(len(self.facts))
        self.properties = {host: [] for host in (GLOBAL, *everybody)}
        self.views = {host: [] for host in (GLOBAL, *everybody)}
        self.classes = [Whole((n,), is_base=False) for n in everybody]
        self.classes.append(Whole(tuple(everybody), is_base=True))

    def relations(self, host: int) -> list[Seen]:
        """What a host has without a view."""
        if host == GLOBAL:
            return [*self.classes]
        found: list[Seen] = [Relation(one, is_one=False) for one in self.references if one.target == host]
        found += [Relation(one, is_one=True) for one in self.references if one.source == host]
        found += [Friends(host)] * 3 if host in self.friendly else []
        if self.is_descending:  # the class of the links is there
            pairs = permutations((one for one in self.references if not one.is_own), 2)
            links = {
                near: Through(near, far)
                for near, far in pairs
                if near.source == far.source and near.target == host
            }
            found += [*links.values()] * 3  # they are few
        return found

    def tree(self, host: int) -> Reference | None:
        """The reference of an entity to itself."""
        return next((one for one in self.references if one.source == host and one.is_own), None)

    def beside(self, host: int) -> list[tuple[Seen, list[str]]]:
        """What leads to many records of one other entity, and the numbers that both have."""
        children = Whole((host,), is_base=False)
        apart = [one for one in self.relations(host) if not one.is_one and host not in one.ways]
        return [(one, self.common(Merged(0, (children, one)))) for one in apart]

    def see(self, host: int, over: Seen | None) -> None:
        """Others of the host may be over the views from now on."""
        views = [one for one in behind(over) if isinstance(one, View)] if over is not None else []
        self.views[host] += [one for one in views if one not in self.views[host]]

    def parts_for(self, host: int, seen: Seen) -> list[Part]:
        """The filtered classes that its records may belong to, and that stand before the host."""
        return [
            one
            for one in self.classes
            if isinstance(one, Part)
            and set(seen.models) <= set(one.models)
            and self._stands_before(one, host)
        ]

    def _stands_before(self, part: Part, host: int) -> bool:
        (model, *_) = part.models
        return part.whole.is_base or host == GLOBAL or (model > host if self.is_descending else model < host)

    def common(self, seen: Seen) -> list[str]:
        """The numbers that all of its records have."""
        first, *rest = [self.numbers(model) for model in seen.models]
        return [name for name in first if all(name in names for names in rest)]

    def declared(self, of: Class) -> list[str]:
        """The numbers that a rule may read of it: those that it declares itself."""
        return ["f0"] if of.whole.is_base else self.common(of)

    def changing(self, names: Sequence[str]) -> list[str]:
        """Those that are not given once and for ever."""
        return self._others(names, "Sequence")

    def open_ended(self, names: Sequence[str]) -> list[str]:
        """Those of them that may become any number."""
        return self._others(names, "Sequence", "Deadline")

    def _others(self, names: Sequence[str], *kinds: str) -> list[str]:
        everything = [one for properties in self.properties.values() for one in properties]
        some = {one.name for one in everything if one.kind in kinds}
        return [name for name in names if name not in some]

    def numbers(self, model: int) -> list[str]:
        return [*self.facts[model], *(one.name for one in self.properties[model] if one.is_number)]
