"""Random days of the library: whatever is linked, moved, taken over and deleted, every property is true."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlmodel import select

from framework.app import App, Settings
from framework.runtime.errors import AlreadyExists
from framework.runtime.transaction import Transaction
from tests.engine.library import MODULE, Article, Follow, Friendship, Reader, Seat, Tag, Tagging
from tests.engine.memory import Memory
from tests.machines import MachineOnDatabase, on_postgresql, on_sqlite
from tests.soak import examples

picks = st.integers(0, 9)
values = st.integers(0, 7)
Step = tuple[str, int, int, int]


class Days(MachineOnDatabase):
    """Each day is one transaction of a few steps, in the library and in memory; or it is refused by both."""

    def __init__(self) -> None:
        super().__init__()
        self.app = App([MODULE], database=self.url, settings=Settings(synchronous="OFF"))
        self.app.create()
        self.memory = Memory()

    @initialize()
    def the_library_opens(self) -> None:
        with self.app.transaction() as tx:
            for number in range(3):
                self.come(tx, self.memory, number)

    @rule(steps=st.lists(st.deferred(lambda: steps), min_size=1, max_size=5))
    def a_day(self, steps: list[Step]) -> None:
        memory, repeated = self.memory.copy(), False
        try:
            with self.app.transaction() as tx:
                for name, one, other, value in steps:
                    STEPS[name](tx, memory, one, other, value)
                    repeated |= memory.repeats()
        except AlreadyExists:
            assert repeated
        else:
            assert not memory.repeats(), "what is there twice must have been refused"
            self.memory = memory

    @invariant()
    def every_property_is_what_plain_python_says(self) -> None:
        memory = self.memory
        for model, known, expected in (
            (Article, memory.articles, memory.article),
            (Tag, memory.tags, memory.tag),
            (Reader, memory.readers, memory.reader),
        ):
            found = {record.id: record for record in self.app.query(select(model))}
            assert found.keys() == known.keys()
            for id, record in found.items():
                wanted = expected(id)
                assert {name: getattr(record, name) for name in wanted} == wanted

    @invariant()
    def the_recomputation_agrees(self) -> None:
        assert [str(one) for one in self.app.verify()] == []

    @staticmethod
    def come(tx: Transaction, memory: Memory, number: int) -> None:
        article = tx.add(Article(pages=number))
        memory.articles[article.id] = {"pages": number}
        tag = tx.add(Tag(name="abc"[number % 3], weight=number or None))
        memory.tags[tag.id] = {"name": tag.name, "weight": tag.weight}
        reader = tx.add(Reader(books=number))
        memory.readers[reader.id] = {"books": number}
        seat = tx.add(Seat(price=number))
        memory.seats[seat.id] = {"reader_id": None, "number": None, "price": number}


def pick(known: dict[UUID, Any], number: int) -> UUID | None:
    ids = list(known)
    return ids[number % len(ids)] if ids else None


def come(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    Days.come(tx, memory, value)


def link(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    article, tag = pick(memory.articles, one), pick(memory.tags, other)
    if article and tag:
        new = tx.add(Tagging(article_id=article, tag_id=tag, strength=value))
        memory.taggings[new.id] = {"article_id": article, "tag_id": tag, "strength": value}


def relink(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    tagging = pick(memory.taggings, one)
    article, tag = pick(memory.articles, other), pick(memory.tags, value)
    if tagging and article and tag:
        facts: dict[str, Any] = {"article_id": article} if value % 2 else {"tag_id": tag, "strength": value}
        tx.update(Tagging, tagging, **facts)
        memory.taggings[tagging] |= facts


def unlink(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    tagging = pick(memory.taggings, one)
    if tagging:
        tx.delete(Tagging, tagging)
        del memory.taggings[tagging]


def unlink_all(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    article = pick(memory.articles, one)
    if article:
        gone = [id for id, row in memory.taggings.items() if row["article_id"] == article]
        assert tx.delete_where(Tagging, Tagging.article_id == article) == len(gone)
        for id in gone:
            del memory.taggings[id]


def change(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    tag, reader, article = pick(memory.tags, one), pick(memory.readers, one), pick(memory.articles, one)
    if tag and other % 3 == 0:
        facts = {"weight": value or None, "name": [None, "a", "b", "cc"][value % 4]}
        tx.update(Tag, tag, **facts)
        memory.tags[tag] |= facts
    elif reader and other % 3 == 1:
        tx.update(Reader, reader, books=value)
        memory.readers[reader]["books"] = value
    elif article:
        tx.update(Article, article, pages=value)
        memory.articles[article]["pages"] = value


def change_all(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    changed = [row for row in memory.tags.values() if row["name"] == "b"]
    assert tx.update_where(Tag, Tag.name == "b", weight=value) == len(changed)
    for row in changed:
        row["weight"] = value
    known = [row for row in memory.readers.values() if row["books"] < value]
    assert tx.update_where(Reader, Reader.books < value, books=other) == len(known)
    for row in known:
        row["books"] = other


def go(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    kinds: tuple[tuple[Any, dict[UUID, Any], Callable[[UUID], None]], ...] = (
        (Tag, memory.tags, memory.forget_tag),
        (Article, memory.articles, memory.forget_article),
        (Reader, memory.readers, memory.forget_reader),
    )
    model, known, forget = kinds[other % 3]
    id = pick(known, one)
    if id:
        tx.delete(model, id)
        forget(id)


def follow(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    follower, followed = pick(memory.readers, one), pick(memory.readers, other)
    if follower and followed:
        new = tx.add(Follow(follower_id=follower, followed_id=followed))
        memory.follows[new.id] = {"follower_id": follower, "followed_id": followed}


def unfollow(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    id, reader = pick(memory.follows, one), pick(memory.readers, other)
    if id and value % 2:
        tx.delete(Follow, id)
        del memory.follows[id]
    elif id and reader:
        tx.update(Follow, id, followed_id=reader)
        memory.follows[id]["followed_id"] = reader


def befriend(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    a, b = pick(memory.readers, one), pick(memory.readers, other)
    if a and b:
        new = tx.add(Friendship(one_id=a, other_id=b))
        memory.friendships[new.id] = {"one_id": a, "other_id": b}


def fall_out(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    id, reader = pick(memory.friendships, one), pick(memory.readers, other)
    if id and value % 2:
        tx.delete(Friendship, id)
        del memory.friendships[id]
    elif id and reader:
        key = "one_id" if value % 4 else "other_id"
        tx.update(Friendship, id, **{key: reader})
        memory.friendships[id][key] = reader


def sit(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    seat, reader = pick(memory.seats, one), pick(memory.readers, other)
    if seat:
        tx.update(Seat, seat, reader_id=reader, price=value)
        memory.sit(seat, reader)
        memory.seats[seat]["price"] = value


def change_places(tx: Transaction, memory: Memory, one: int, other: int, value: int) -> None:
    a, b = pick(memory.seats, one), pick(memory.seats, other)
    if a and b:
        numbers = (memory.seats[b]["number"] or value + 1, memory.seats[a]["number"])
        for seat, number in zip((a, b), numbers, strict=True):
            tx.update(Seat, seat, number=number)
            memory.seats[seat]["number"] = number


STEPS: dict[str, Callable[[Transaction, Memory, int, int, int], None]] = {
    step.__name__: step
    for step in (
        come, link, relink, unlink, unlink_all, change, change_all, go,
        follow, unfollow, befriend, fall_out, sit, change_places,
    )
}  # fmt: skip
steps = st.tuples(st.sampled_from(sorted(STEPS)), picks, picks, values)


TestDays = on_sqlite(Days, examples(15, soak=300, steps=12, soak_steps=30))
TestDaysOnPostgres = on_postgresql(Days, examples(5, soak=100, steps=12, soak_steps=30))
