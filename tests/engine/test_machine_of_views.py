"""Whatever happens in whatever order, what is computed over views says what plain Python says."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from statistics import fmean, median_low
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from sqlmodel import select

from framework import (
    Average,
    Collect,
    Count,
    Custom,
    Entity,
    Event,
    Every,
    Field,
    First,
    Formula,
    Global,
    Latest,
    Lookup,
    Max,
    Min,
    Relationship,
    Some,
    StateMachine,
    Sum,
    Transition,
    Unique,
    computed,
    derive,
    entered,
    left,
    merged,
    subset,
)
from framework.app import App, Settings
from framework.runtime.errors import NotAMember
from framework.runtime.transaction import Transaction
from tests.machines import MachineOnDatabase, on_postgresql, on_sqlite
from tests.soak import examples


class Mood(StrEnum):
    CALM = "calm"
    GLAD = "glad"
    SAD = "sad"


class Pet(Entity):
    """A dog or a cat."""

    owner_id: UUID | None = Field(default=None, foreign_key="owner.id", ondelete="SET NULL")
    name: str | None = None
    weight: int = 0

    heavy: bool = computed(Formula(lambda pet: pet.weight > 3))


class Dog(Pet, table=True):
    owner: "Owner" = Relationship(back_populates="dogs")

    of_vip: bool | None = computed(Lookup(owner, lambda owner: owner.is_vip))


class Cat(Pet, table=True):
    pass


class HeavyPet(Pet, where=lambda pet: pet.heavy):
    pass


class VipDog(Dog, where=lambda dog: dog.of_vip):
    pass


class BigVipDog(VipDog, where=lambda dog: dog.weight > 4):
    pass


def weight_of(pet: Any) -> int:
    return 0 if pet is None else int(pet.weight)


def median_of(weights: Iterable[int]) -> int | None:
    return median_low(found) if (found := list(weights)) else None


class Owner(Entity, table=True):
    is_vip: bool = False
    dogs: list[Dog] = Relationship(back_populates="owner")
    cats: list[Cat] = Relationship()
    pets: list[Pet] = merged(dogs, cats)
    heavy: list[HeavyPet] = subset(pets, HeavyPet)
    named: list[Dog] = subset(dogs, lambda dog: dog.name)
    heavy_named: list[HeavyPet] = subset(named, HeavyPet)
    mixed: list[Pet] = merged(heavy_named, cats)

    count: int = computed(Count(pets))
    weight: int = computed(Sum(pets, lambda pet: pet.weight))
    heavy_mean: float | None = computed(Average(heavy, lambda pet: pet.weight))
    named_even: bool = computed(Every(named, lambda dog: dog.weight % 2 == 0))
    some_mixed: bool = computed(Some(mixed, lambda pet: pet.weight == 2))
    lightest: int | None = computed(Min(mixed, lambda pet: pet.weight))
    heaviest: int | None = computed(Max(heavy_named, lambda pet: pet.weight))
    first: str | None = computed(First(pets, lambda pet: pet.name))
    latest: str | None = computed(Latest(heavy, lambda pet: pet.name))
    newest: list[int] = computed(Collect(pets, lambda pet: pet.weight or None, limit=2))
    weights: list[int] = computed(
        Custom(lambda owner: sorted(pet.weight for pet in owner.mixed), reads=("mixed.weight",))
    )
    stepped: int = computed(
        Custom(
            lambda owner: sum(weight_of(pet) for pet in owner.heavy),
            step=lambda value, before, after: value - weight_of(before) + weight_of(after),
            reads=("heavy.weight",),
        )
    )
    by_name: dict[str, float] = computed(Average(pets, lambda pet: pet.weight, by=lambda pet: pet.name))
    heavy_by_weight: dict[int, int] = computed(Count(heavy, by=lambda pet: pet.weight))
    mood: Mood = computed(
        StateMachine(
            Mood.CALM,
            Transition(Mood.CALM, Mood.GLAD, when=entered(heavy)),
            Transition(Mood.SAD, Mood.GLAD, when=entered(heavy)),
            Transition(Mood.GLAD, Mood.SAD, when=left(heavy)),
        )
    )


class Joined(Entity, table=True):
    __table_args__ = (Unique("club_id", "dog_id"),)

    club_id: UUID = Field(foreign_key="club.id")
    dog_id: UUID = Field(foreign_key="dog.id", ondelete="CASCADE")


class Club(Entity, table=True):
    members: list[Dog] = Relationship(link_model=Joined)
    big: list[BigVipDog] = subset(members, BigVipDog)
    light: list[Dog] = subset(members, lambda dog: not dog.heavy)

    big_count: int = computed(Count(big))
    light_weight: int = computed(Sum(light, lambda dog: dog.weight))
    heaviest_light: int | None = computed(Max(light, lambda dog: dog.weight))
    light_names: list[str] = computed(
        Custom(lambda club: sorted(dog.name or "" for dog in club.light), reads=("light.name",))
    )


class Collar(Entity, table=True):
    dog_id: UUID | None = Field(default=None, foreign_key="dog.id", ondelete="SET NULL")
    cat_id: UUID | None = Field(default=None, foreign_key="cat.id", ondelete="SET NULL")
    dog: Dog = Relationship()
    cat: Cat = Relationship()
    big: BigVipDog | None = subset(dog, BigVipDog)
    light: Cat | None = subset(cat, lambda cat: not cat.heavy)
    wearer: Pet | None = merged(big, light)
    named: Pet | None = subset(wearer, lambda pet: pet.name)

    weight: int = computed(Lookup(wearer, lambda pet: pet.weight, missing=0))
    name: str | None = computed(Lookup(named, lambda pet: pet.name))
    text: str = computed(
        Custom(lambda one: one.wearer.name or "" if one.wearer else "lost", reads=("wearer.name",))
    )


class Card(Entity, table=True):
    pet_id: UUID
    text: str


class Alarm(Event, table=True):
    dog_id: UUID


class Totals(Global, table=True):
    pets: int = computed(Count(Pet))
    heavy_weight: int = computed(Sum(HeavyPet, lambda pet: pet.weight))
    vip_dogs: int = computed(Count(VipDog))
    biggest: int | None = computed(Max(BigVipDog, lambda dog: dog.weight))
    lightest: int | None = computed(Min(Pet, lambda pet: pet.weight))
    newest: list[str] = computed(Collect(HeavyPet, lambda pet: pet.name, limit=2))
    first: str | None = computed(First(VipDog, lambda dog: dog.name))
    by_owner: dict[UUID, int] = computed(Sum(Pet, lambda pet: pet.weight, by=lambda pet: pet.owner_id))
    squares: int = computed(
        Custom(
            lambda totals, pets: sum(weight_of(pet) ** 2 for pet in pets),
            lambda value, before, after: value - weight_of(before) ** 2 + weight_of(after) ** 2,
            over=HeavyPet,
            reads=("HeavyPet.weight",),
        )
    )
    median: int | None = computed(
        Custom(lambda totals, pets: median_of(pet.weight for pet in pets), over=Pet, reads=("Pet.weight",))
    )


@derive
def card(pet: HeavyPet) -> Card:
    return Card(pet_id=pet.id, text=f"{pet.name}: {pet.weight}")


@derive
def alarm(dog: BigVipDog) -> Alarm:
    return Alarm(dog_id=dog.id)


DECLARED = [
    *(Owner, Dog, Cat, HeavyPet, VipDog, BigVipDog, Joined, Club, Collar, Card, Alarm, Totals),
    *(card, alarm),
]

names = st.sampled_from([None, "", "a", "b"])
weights = st.integers(0, 7)
picks = st.integers(0, 5)
kinds = st.sampled_from([Dog, Cat])


class Abandoned(Exception):
    """The user thinks better of it."""


class Kennel(MachineOnDatabase):
    """Random days of owners and their pets; `moods` and `alarmed` are what only history knows."""

    def __init__(self) -> None:
        super().__init__()
        self.app = App([DECLARED], database=self.url, settings=Settings(synchronous="OFF"))
        self.app.create()
        self.moods: dict[UUID, Mood] = {}
        self.alarmed: set[UUID] = set()
        with self.app.transaction() as tx:
            tx.add(Owner(is_vip=True))
            tx.add(Club())

    def all(self, *kinds: type[Any]) -> list[Any]:
        return sorted((one for kind in kinds for one in self.app.query(select(kind))), key=lambda one: one.id)

    def pick(self, n: int, *kinds: type[Any]) -> Any:
        found = self.all(*kinds)
        return found[n % len(found)] if found else None

    @contextmanager
    def day(self, *touched: UUID) -> Iterator[Transaction]:
        """One transaction that touches these pets in this order, and others after them."""
        before = {pet.id: pet for pet in self.all(Dog, Cat)}
        with self.app.transaction() as tx:
            yield tx
        after = {pet.id: pet for pet in self.all(Dog, Cat)}
        owners = {owner.id: owner for owner in self.all(Owner)}
        self.moods = {id: self.moods.get(id, Mood.CALM) for id in owners}
        for id in dict.fromkeys((*touched, *sorted(before.keys() | after.keys()))):
            was, now = _heavy_at(before.get(id)), _heavy_at(after.get(id))
            if was != now and self.moods.get(was) is Mood.GLAD:  # type: ignore[arg-type]  # None is nobody
                self.moods[was] = Mood.SAD  # type: ignore[index]  # somebody
            if was != now and now in self.moods:
                self.moods[now] = Mood.GLAD
        self.alarmed |= {dog.id for dog in self.all(Dog) if _is_big_vip(dog, owners)}

    @rule(vip=st.booleans())
    def an_owner_comes(self, vip: bool) -> None:
        with self.day() as tx:
            tx.add(Owner(is_vip=vip))

    @rule(owner=picks, vip=st.booleans())
    def an_owner_changes(self, owner: int, vip: bool) -> None:
        found = self.pick(owner, Owner)
        if found is not None:
            with self.day() as tx:
                tx.update(found, is_vip=vip)

    @rule(owner=picks)
    def an_owner_goes(self, owner: int) -> None:
        found = self.pick(owner, Owner)
        if found is not None:
            with self.day() as tx:
                tx.delete(found)

    @rule(kind=kinds, owner=picks, stray=st.booleans(), name=names, weight=weights)
    def a_pet_comes(self, kind: type[Any], owner: int, stray: bool, name: str | None, weight: int) -> None:
        found = None if stray else self.pick(owner, Owner)
        with self.day() as tx:
            tx.add(kind(owner_id=found.id if found else None, name=name, weight=weight))

    @rule(pet=picks, name=names, weight=weights)
    def a_pet_changes(self, pet: int, name: str | None, weight: int) -> None:
        found = self.pick(pet, Dog, Cat)
        if found is not None:
            with self.day(found.id) as tx:
                tx.update(found, name=name, weight=weight)

    @rule(pet=picks, owner=picks, stray=st.booleans(), weight=weights)
    def a_pet_moves(self, pet: int, owner: int, stray: bool, weight: int) -> None:
        found, there = self.pick(pet, Dog, Cat), None if stray else self.pick(owner, Owner)
        if found is not None:
            with self.day(found.id) as tx:
                tx.update(found, owner_id=there.id if there else None, weight=weight)

    @rule(pet=picks)
    def a_pet_goes(self, pet: int) -> None:
        found = self.pick(pet, Dog, Cat)
        if found is not None:
            with self.day(found.id) as tx:
                tx.delete(found)

    @rule(one=picks, other=picks, owner=picks, weight=weights, name=names, vip=st.booleans())
    def much_happens_at_once(
        self, one: int, other: int, owner: int, weight: int, name: str | None, vip: bool
    ) -> None:
        first, second, there = self.pick(one, Dog), self.pick(other, Cat), self.pick(owner, Owner)
        if first is None or second is None or there is None:
            return
        with self.day(second.id, first.id) as tx:
            tx.update(second, weight=weight, owner_id=there.id)
            tx.update(first, name=name, weight=7 - weight)
            tx.update(there, is_vip=vip)
            tx.add(Dog(owner_id=there.id, name=name, weight=weight))
            tx.delete(tx.add(Cat(owner_id=there.id, weight=7)))

    @rule(dog=picks)
    def a_dog_joins_or_leaves(self, dog: int) -> None:
        found, club = self.pick(dog, Dog), self.pick(0, Club)
        if found is not None:
            joined = next((one for one in self.all(Joined) if one.dog_id == found.id), None)
            with self.day() as tx:
                if joined is None:
                    tx.add(Joined(club_id=club.id, dog_id=found.id))
                else:
                    tx.delete(joined)

    @rule(dog=picks, cat=picks, which=st.sampled_from(["new", "dog", "cat", "both"]))
    def a_collar_is_put_on(self, dog: int, cat: int, which: str) -> None:
        collar, a_dog, a_cat = self.pick(0, Collar), self.pick(dog, Dog), self.pick(cat, Cat)
        worn = {
            "dog_id": a_dog.id if a_dog and which != "cat" else None,
            "cat_id": a_cat.id if a_cat and which != "dog" else None,
        }
        with self.day() as tx:
            if collar is None or which == "new":
                tx.add(Collar(**worn))
            else:
                tx.update(collar, **worn)

    @rule(owner=picks, weight=weights)
    def a_dog_comes_as_that_of_a_vip(self, owner: int, weight: int) -> None:
        found = self.pick(owner, Owner)
        if found is None:
            return
        if found.is_vip:
            with self.day() as tx:
                tx.add(VipDog(owner_id=found.id, weight=weight))
        else:
            with pytest.raises(NotAMember):
                with self.app.transaction() as tx:
                    tx.add(VipDog(owner_id=found.id, weight=weight))

    @rule(pet=picks, owner=picks, weight=weights)
    def somebody_thinks_better_of_it(self, pet: int, owner: int, weight: int) -> None:
        found, there = self.pick(pet, Dog, Cat), self.pick(owner, Owner)
        with pytest.raises(Abandoned):
            with self.app.transaction() as tx:
                if found is not None:
                    tx.update(found, weight=weight)
                if there is not None:
                    tx.add(Dog(owner_id=there.id, weight=7))
                    tx.update(there, is_vip=True)
                raise Abandoned

    @invariant()
    def everything_is_as_plain_python_says(self) -> None:
        dogs, cats, owners = self.all(Dog), self.all(Cat), {one.id: one for one in self.all(Owner)}
        pets = sorted((*dogs, *cats), key=lambda pet: pet.id)
        vips = [dog for dog in dogs if dog.owner_id in owners and owners[dog.owner_id].is_vip]
        big = [dog for dog in vips if dog.weight > 4]
        heavy = [pet for pet in pets if pet.weight > 3]
        for owner in owners.values():
            said = {name: getattr(owner, name) for name in Owner.__computed__}
            assert said == self.of_owner(owner, pets)
        joined = {one.dog_id for one in self.all(Joined)}
        light = [dog for dog in dogs if dog.id in joined and dog.weight <= 3]
        (club,) = self.all(Club)
        assert {name: getattr(club, name) for name in Club.__computed__} == {
            "big_count": len([dog for dog in big if dog.id in joined]),
            "light_weight": sum(dog.weight for dog in light),
            "heaviest_light": max((dog.weight for dog in light), default=None),
            "light_names": sorted(dog.name or "" for dog in light),
        }
        light_cats = {cat.id: cat for cat in cats if cat.weight <= 3}
        for collar in self.all(Collar):
            worn = {dog.id: dog for dog in big}.get(collar.dog_id) or light_cats.get(collar.cat_id)
            assert (collar.weight, collar.name, collar.text) == (
                worn.weight if worn else 0,
                (worn.name or None) if worn else None,
                (worn.name or "") if worn else "lost",
            )
        (totals,) = self.all(Totals)
        assert {name: getattr(totals, name) for name in Totals.__computed__} == {
            "pets": len(pets),
            "heavy_weight": sum(pet.weight for pet in heavy),
            "vip_dogs": len(vips),
            "biggest": max((dog.weight for dog in big), default=None),
            "lightest": min((pet.weight for pet in pets), default=None),
            "newest": _names(heavy)[::-1][:2],
            "first": next(iter(_names(vips)), None),
            "by_owner": _by((pet.owner_id, pet.weight) for pet in pets),
            "squares": sum(pet.weight**2 for pet in heavy),
            "median": median_of(pet.weight for pet in pets),
        }
        cards = sorted((one.pet_id, one.text) for one in self.all(Card))
        assert cards == [(pet.id, f"{pet.name}: {pet.weight}") for pet in heavy]
        assert sorted(one.dog_id for one in self.all(Alarm)) == sorted(self.alarmed)
        assert _ids(self.all(BigVipDog)) == _ids(big)
        assert _ids(self.app.members(HeavyPet)) == _ids(heavy)
        assert _ids(self.app.members(Pet)) == _ids(pets)

    def of_owner(self, owner: Owner, pets: list[Any]) -> dict[str, Any]:
        mine = [pet for pet in pets if pet.owner_id == owner.id]
        heavy = [pet for pet in mine if pet.weight > 3]
        named = [pet for pet in mine if isinstance(pet, Dog) and pet.name]
        heavy_named = [pet for pet in named if pet.weight > 3]
        mixed = [pet for pet in mine if isinstance(pet, Cat) or pet in heavy_named]
        return {
            "count": len(mine),
            "weight": sum(pet.weight for pet in mine),
            "heavy_mean": fmean(pet.weight for pet in heavy) if heavy else None,
            "named_even": all(pet.weight % 2 == 0 for pet in named),
            "some_mixed": any(pet.weight == 2 for pet in mixed),
            "lightest": min((pet.weight for pet in mixed), default=None),
            "heaviest": max((pet.weight for pet in heavy_named), default=None),
            "first": next(iter(_names(mine)), None),
            "latest": next(reversed(_names(heavy)), None),
            "newest": [pet.weight for pet in mine if pet.weight][::-1][:2],
            "weights": sorted(pet.weight for pet in mixed),
            "stepped": sum(pet.weight for pet in heavy),
            "by_name": {
                name: fmean(pet.weight for pet in mine if pet.name == name)
                for name in {pet.name for pet in mine} - {None}
            },
            "heavy_by_weight": Counter(pet.weight for pet in heavy),
            "mood": self.moods.get(owner.id, Mood.CALM),
        }

    @invariant()
    def nothing_differs_from_what_the_facts_say(self) -> None:
        assert self.app.verify() == []


def _heavy_at(pet: Any) -> UUID | None:
    """Whose heavy pet it is."""
    return pet.owner_id if pet is not None and pet.weight > 3 else None


def _by(pairs: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    sums: dict[Any, int] = defaultdict(int)
    for key, amount in pairs:
        if key is not None:
            sums[key] += amount
    return sums


def _is_big_vip(dog: Dog, owners: dict[UUID, Owner]) -> bool:
    return dog.weight > 4 and dog.owner_id in owners and owners[dog.owner_id].is_vip


def _names(pets: list[Any]) -> list[str]:
    return [pet.name for pet in pets if pet.name is not None]


def _ids(records: list[Any]) -> list[UUID]:
    return sorted(record.id for record in records)


TestKennel = on_sqlite(Kennel, examples(12, soak=120, steps=15, soak_steps=40))
TestKennelOnPostgres = on_postgresql(Kennel, examples(4, soak=50, steps=15, soak_steps=40))
