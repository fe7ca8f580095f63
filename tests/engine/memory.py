"""The library in plain Python: what is there, and what every property should be, from nothing each time."""

from copy import deepcopy
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any
from uuid import UUID

Row = dict[str, Any]


@dataclass
class Memory:
    """The facts by id, in the order in which they came."""

    tags: dict[UUID, Row] = field(default_factory=dict)
    articles: dict[UUID, Row] = field(default_factory=dict)
    taggings: dict[UUID, Row] = field(default_factory=dict)
    readers: dict[UUID, Row] = field(default_factory=dict)
    follows: dict[UUID, Row] = field(default_factory=dict)
    friendships: dict[UUID, Row] = field(default_factory=dict)
    seats: dict[UUID, Row] = field(default_factory=dict)

    def copy(self) -> "Memory":
        return deepcopy(self)

    def sit(self, seat: UUID, reader: UUID | None) -> None:
        """Whoever sits down on another seat leaves the one that they had."""
        for other in self.seats.values():
            if reader is not None and other["reader_id"] == reader:
                other["reader_id"] = None
        self.seats[seat]["reader_id"] = reader

    def forget_tag(self, id: UUID) -> None:
        del self.tags[id]
        for tagging in self.taggings.values():
            if tagging["tag_id"] == id:
                tagging["tag_id"] = None

    def forget_article(self, id: UUID) -> None:
        del self.articles[id]
        self.taggings = {key: row for key, row in self.taggings.items() if row["article_id"] != id}

    def forget_reader(self, id: UUID) -> None:
        del self.readers[id]
        self.follows = {key: row for key, row in self.follows.items() if id not in row.values()}
        self.friendships = {key: row for key, row in self.friendships.items() if id not in row.values()}
        for seat in self.seats.values():
            if seat["reader_id"] == id:
                seat["reader_id"] = None

    def repeats(self) -> bool:
        """Whether something is there twice that should be there once."""
        pairs = [(row["article_id"], row["tag_id"]) for row in self.taggings.values() if row["tag_id"]]
        follows = [(row["follower_id"], row["followed_id"]) for row in self.follows.values()]
        friends = [tuple(sorted((row["one_id"], row["other_id"]))) for row in self.friendships.values()]
        numbers = [row["number"] for row in self.seats.values() if row["number"] is not None]
        found: tuple[list[Any], ...] = (pairs, follows, friends, numbers)
        return any(len(some) != len(set(some)) for some in found)

    # -- what should be ------------------------------------------------------------------------------------

    def article(self, id: UUID) -> Row:
        links = [row for row in self.taggings.values() if row["article_id"] == id]
        tags = [self.tags[row["tag_id"]] for row in links if row["tag_id"]]
        weights = [tag["weight"] for tag in tags if tag["weight"] is not None]
        names = [tag["name"] for tag in tags if tag["name"] is not None]
        light = [tag["weight"] for tag in tags if tag["weight"] is not None and tag["name"] != "b"]
        return {
            "count": len(tags),
            "named": len([name for name in names if name]),
            "weight": sum(weights),
            "mean": fmean(weights) if weights else None,
            "worth": sum((tag["weight"] or 0) * len(tag["name"] or "") for tag in tags),
            "every": len(weights) == len(tags),
            "some": 5 in weights,
            "least": min(weights, default=None),
            "greatest": max(light, default=None),
            "oldest": names[0] if names else None,
            "newest": names[-1] if names else None,
            "names": names[::-1][:2],
            "strength": sum(row["strength"] for row in links),
            "noted": len([row for row in links if row["strength"] > 5]),
            "label": "+".join(sorted(str(tag["name"]) for tag in tags)),
            "stepped": sum(weights),
        }

    def tag(self, id: UUID) -> Row:
        ids = [row["article_id"] for row in self.taggings.values() if row["tag_id"] == id]
        return {
            "used": len(ids),
            "pages": sum(self.articles[one]["pages"] for one in ids),
            "heaviest": max((self.article(one)["weight"] for one in ids), default=None),
        }

    def reader(self, id: UUID) -> Row:
        above = [row["followed_id"] for row in self.follows.values() if row["follower_id"] == id]
        below = [row["follower_id"] for row in self.follows.values() if row["followed_id"] == id]
        friends = self.friends(id)
        books = [self.readers[one]["books"] for one in friends]
        seats = [row["price"] for row in self.seats.values() if row["reader_id"] == id]
        return {
            "follows": len(above),
            "followed": len(below),
            "books_above": sum(self.readers[one]["books"] for one in above),
            "books_below": sum(self.readers[one]["books"] for one in below),
            "reach": sum(row["followed_id"] in below for row in self.follows.values()),
            "befriended": len(friends),
            "shared": sum(books),
            "best": max(books, default=None),
            "all_read": all(number > 2 for number in books),
            "circle": sum(len(self.friends(one)) for one in friends),
            "shelves": sorted(books),
            "held": len(seats),
            "paid": sum(seats),
        }

    def friends(self, id: UUID) -> list[UUID]:
        """Seen from both ends; who is their own friend is seen once."""
        pairs = [(row["one_id"], row["other_id"]) for row in self.friendships.values()]
        return [other if one == id else one for one, other in pairs if id in (one, other)]
