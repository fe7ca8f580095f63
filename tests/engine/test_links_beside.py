"""Sixteen threads that link and unlink around one hot record on PostgreSQL: nothing is lost."""

from collections.abc import Callable, Iterator
from random import Random
from uuid import UUID

import pytest
from sqlmodel import select

from framework.app import App, opened
from framework.runtime.errors import AlreadyExists, MissingReference, NoSuchRecord
from framework.runtime.transaction import Transaction
from tests.engine.library import MODULE, Article, Friendship, Reader, Seat, Tag, Tagging
from tests.engine.test_concurrency import THREADS, beside

Act = Callable[[Transaction, Random], object]


@pytest.fixture
def app(postgres_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=postgres_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


def hammer(app: App, acts: list[Act], times: int) -> int:
    """How many of the acts of all threads were stored; each is refused or stored as a whole."""

    def work(n: int) -> int:
        random, done = Random(n), 0
        for number in range(times):
            act = random.choice(acts)
            try:
                app.engine.write(lambda tx, act=act, number=number: act(tx, Random(f"{n}:{number}")))
                done += 1
            except (AlreadyExists, MissingReference, NoSuchRecord):
                continue  # another thread was faster: that is said, and nothing is stored
        return done

    return sum(beside(work))


def test_a_hot_tag_knows_every_article(app: App) -> None:
    with app.transaction() as tx:
        hot = tx.add(Tag(name="hot", weight=1)).id
        articles = [tx.add(Article(pages=pages)).id for pages in range(8)]

    def link(tx: Transaction, random: Random) -> None:
        tx.add(Tagging(article_id=random.choice(articles), tag_id=hot))

    def unlink(tx: Transaction, random: Random) -> None:
        tx.delete_where(Tagging, Tagging.article_id == random.choice(articles))

    def change(tx: Transaction, random: Random) -> None:
        tx.update(Tag, hot, weight=random.randint(0, 9))

    def move(tx: Transaction, random: Random) -> None:
        tx.update_where(
            Tagging, Tagging.article_id == random.choice(articles), article_id=random.choice(articles)
        )

    assert hammer(app, [link, link, link, unlink, change, move], times=6) > THREADS
    links = app.query(select(Tagging))
    assert app.get(Tag, hot).used == len(links) == len({link.article_id for link in links})
    weight = app.get(Tag, hot).weight or 0
    for id in articles:
        article = app.get(Article, id)
        count = len([link for link in links if link.article_id == id])
        assert (article.count, article.weight, article.stepped) == (count, count * weight, count * weight)


def test_a_hot_friend_is_seen_from_every_end(app: App) -> None:
    with app.transaction() as tx:
        hot = tx.add(Reader(books=1)).id
        others = [tx.add(Reader(books=2)).id for _ in range(6)]

    def befriend(tx: Transaction, random: Random) -> None:
        pair = [hot, random.choice(others)]
        random.shuffle(pair)
        tx.add(Friendship(one_id=pair[0], other_id=pair[1]))

    def fall_out(tx: Transaction, random: Random) -> None:
        one = random.choice(others)
        tx.delete_where(Friendship, (Friendship.one_id == one) | (Friendship.other_id == one))  # type: ignore[operator]

    def read(tx: Transaction, random: Random) -> None:
        tx.update(Reader, random.choice([hot, *others]), books=random.randint(0, 9))

    assert hammer(app, [befriend, befriend, befriend, fall_out, read], times=5) > THREADS
    links = app.query(select(Friendship))
    assert app.get(Reader, hot).befriended == len(links)
    assert sum(app.get(Reader, id).befriended for id in others) == len(links)


def test_a_seat_that_everybody_takes_has_one_holder(app: App) -> None:
    with app.transaction() as tx:
        readers = [tx.add(Reader()).id for _ in range(3)]
        seats = [tx.add(Seat(price=1)).id for _ in range(4)]

    def sit(tx: Transaction, random: Random) -> None:
        tx.update(Seat, random.choice(seats), reader_id=random.choice(readers))

    done = hammer(app, [sit], times=5)
    assert done == THREADS * 5  # nobody is refused
    held: list[UUID] = [seat.reader_id for seat in app.query(select(Seat)) if seat.reader_id]
    assert len(held) == len(set(held))
    assert [app.get(Reader, id).held for id in readers] == [held.count(id) for id in readers]
