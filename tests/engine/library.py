"""A library: articles and tags through links with facts of their own, and readers who know each other."""

from enum import StrEnum
from uuid import UUID

from framework import (
    Average,
    Collect,
    Count,
    Custom,
    Entity,
    Every,
    Field,
    First,
    Latest,
    Max,
    Min,
    Relationship,
    Some,
    StateMachine,
    Sum,
    Transition,
    Unique,
    WeightedSum,
    changed,
    computed,
    created,
    deleted,
    derive,
    takeover,
)


class Shelf(StrEnum):
    BARE = "bare"
    TAGGED = "tagged"
    RENAMED = "renamed"
    STRIPPED = "stripped"


class Care(StrEnum):
    FRESH = "fresh"
    NOTED = "noted"


class Note(Entity, table=True):
    tagging_id: UUID = Field(foreign_key="tagging.id", ondelete="CASCADE")
    text: str


class Tagging(Entity, table=True):
    """The link: it has a fact, an aggregate and a machine of its own, and a rule is applied to it."""

    __table_args__ = (Unique("article_id", "tag_id"),)

    article_id: UUID = Field(foreign_key="article.id", ondelete="CASCADE")
    tag_id: UUID | None = Field(default=None, foreign_key="tag.id", ondelete="SET NULL")
    strength: int = 1
    notes: list[Note] = Relationship()

    noted: int = computed(Count(notes))
    care: Care = computed(StateMachine(Care.FRESH, Transition(Care.FRESH, Care.NOTED, when=created(notes))))


class Tag(Entity, table=True):
    name: str | None = None
    weight: int | None = None
    articles: list["Article"] = Relationship(link_model=Tagging, back_populates="tags")
    taggings: list[Tagging] = Relationship()

    used: int = computed(Count(articles))
    pages: int = computed(Sum(articles, lambda article: article.pages))
    heaviest: int | None = computed(Max(articles, lambda article: article.weight))


class Article(Entity, table=True):
    pages: int = 0
    tags: list[Tag] = Relationship(link_model=Tagging, back_populates="articles")
    taggings: list[Tagging] = Relationship()

    count: int = computed(Count(tags))
    named: int = computed(Count(tags, lambda tag: tag.name))
    weight: int = computed(Sum(tags, lambda tag: tag.weight))
    mean: float | None = computed(Average(tags, lambda tag: tag.weight))
    worth: int = computed(WeightedSum(tags, lambda tag: tag.weight, lambda tag: len(tag.name or "")))
    every: bool = computed(Every(tags, lambda tag: tag.weight is not None))
    some: bool = computed(Some(tags, lambda tag: tag.weight == 5))
    least: int | None = computed(Min(tags, lambda tag: tag.weight))
    greatest: int | None = computed(Max(tags, lambda tag: tag.weight, lambda tag: tag.name != "b"))
    oldest: str | None = computed(First(tags, lambda tag: tag.name))
    newest: str | None = computed(Latest(tags, lambda tag: tag.name))
    names: list[str] = computed(Collect(tags, lambda tag: tag.name, limit=2))
    strength: int = computed(Sum(taggings, lambda tagging: tagging.strength))
    noted: int = computed(Sum(taggings, lambda tagging: tagging.noted))
    label: str = computed(
        Custom(lambda article: "+".join(sorted(str(tag.name) for tag in article.tags)), reads=("tags.name",))
    )
    stepped: int = computed(
        Custom(
            lambda article: sum(tag.weight or 0 for tag in article.tags),
            step=lambda value, went, came: value + weight_of(came) - weight_of(went),
            reads=("tags.weight",),
        )
    )
    shelf: Shelf = computed(
        StateMachine(
            Shelf.BARE,
            Transition(Shelf.BARE, Shelf.TAGGED, when=created(tags)),
            Transition(Shelf.TAGGED, Shelf.RENAMED, when=changed(tags, "name")),
            Transition(Shelf.TAGGED, Shelf.STRIPPED, when=deleted(tags)),
            Transition(Shelf.RENAMED, Shelf.STRIPPED, when=deleted(tags)),
        )
    )


def weight_of(tag: Tag | None) -> int:
    return (tag.weight or 0) if tag else 0


@derive
def first_note(tagging: Tagging) -> Note | None:
    """A strong link is noted at once."""
    return Note(tagging_id=tagging.id, text="strong") if tagging.strength > 5 else None


class Follow(Entity, table=True):
    __table_args__ = (Unique("follower_id", "followed_id"),)

    follower_id: UUID = Field(foreign_key="reader.id", ondelete="CASCADE")
    followed_id: UUID = Field(foreign_key="reader.id", ondelete="CASCADE")


class Friendship(Entity, table=True):
    one_id: UUID = Field(foreign_key="reader.id", ondelete="CASCADE")
    other_id: UUID = Field(foreign_key="reader.id", ondelete="CASCADE")


class Seat(Entity, table=True):
    reader_id: UUID | None = takeover(
        Field(default=None, foreign_key="reader.id", unique=True, ondelete="SET NULL")
    )
    number: int | None = Field(default=None, unique=True)
    price: int = 0


class Reader(Entity, table=True):
    books: int = 0
    seats: list[Seat] = Relationship()
    friends: list["Reader"] = Relationship(link_model=Friendship, symmetric=True)
    following: list["Reader"] = Relationship(link_model=Follow, by=Follow.follower_id)
    followers: list["Reader"] = Relationship(link_model=Follow, by=Follow.followed_id)

    follows: int = computed(Count(following))
    followed: int = computed(Count(followers))
    books_above: int = computed(Sum(following, lambda reader: reader.books))
    books_below: int = computed(Sum(followers, lambda reader: reader.books))
    reach: int = computed(Sum(followers, lambda reader: reader.followed))
    befriended: int = computed(Count(friends))
    shared: int = computed(Sum(friends, lambda reader: reader.books))
    best: int | None = computed(Max(friends, lambda reader: reader.books))
    all_read: bool = computed(Every(friends, lambda reader: reader.books > 2))
    circle: int = computed(Sum(friends, lambda reader: reader.befriended))
    shelves: list[int] = computed(
        Custom(lambda reader: sorted(friend.books for friend in reader.friends), reads=("friends.books",))
    )
    held: int = computed(Count(seats))
    paid: int = computed(Sum(seats, lambda seat: seat.price))


MODULE = [Note, Tagging, Tag, Article, first_note, Follow, Friendship, Seat, Reader]
