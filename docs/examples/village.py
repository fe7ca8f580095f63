"""A village: who sings in which choir, who follows whom, who are friends, and who lives where."""

from uuid import UUID

from framework import (
    Collect,
    Count,
    Entity,
    Field,
    Latest,
    Lookup,
    Max,
    Relationship,
    Sum,
    Unique,
    computed,
    takeover,
)


class Singing(Entity, table=True):
    __table_args__ = (Unique("choir_id", "person_id"),)

    choir_id: UUID = Field(foreign_key="choir.id", ondelete="CASCADE")
    person_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")
    solos: int = 0


class Choir(Entity, table=True):
    singers: list["Person"] = Relationship(link_model=Singing)
    singings: list[Singing] = Relationship()

    size: int = computed(Count(singers))
    eldest: int | None = computed(Max(singers, lambda person: person.age))
    newest: str | None = computed(Latest(singers, lambda person: person.name))
    solos: int = computed(Sum(singings, lambda singing: singing.solos))


class Follow(Entity, table=True):
    __table_args__ = (Unique("follower_id", "followed_id"),)

    follower_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")
    followed_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")


class Friendship(Entity, table=True):
    one_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")
    other_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")


class Person(Entity, table=True):
    name: str
    age: int
    following: list["Person"] = Relationship(link_model=Follow, by=Follow.follower_id)
    followers: list["Person"] = Relationship(link_model=Follow, by=Follow.followed_id)
    friends: list["Person"] = Relationship(link_model=Friendship, symmetric=True)

    reach: int = computed(Count(followers))
    oldest_idol: int | None = computed(Max(following, lambda person: person.age))
    names: list[str] = computed(Collect(friends, lambda person: person.name, limit=3))


class House(Entity, table=True):
    owner_id: UUID | None = takeover(Field(default=None, foreign_key="person.id", unique=True))
    owner: Person = Relationship()

    plate: str | None = computed(Lookup(owner, lambda person: person.name))


MODULE = [Singing, Choir, Follow, Friendship, Person, House]
