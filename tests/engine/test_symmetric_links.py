"""Friends: a link that makes no difference between its ends is one link, and is seen from both."""

from collections.abc import Iterator
from enum import StrEnum
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    Collect,
    Count,
    Custom,
    Entity,
    Event,
    Every,
    Field,
    Max,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    computed,
    created,
    deleted,
    derive,
)
from framework.app import App, opened
from framework.runtime.errors import AlreadyExists


class Mood(StrEnum):
    ALONE = "alone"
    AMONG = "among"
    LEFT = "left"


class Met(Event, table=True):
    one_id: UUID = Field(foreign_key="person.id")
    other_id: UUID = Field(foreign_key="person.id")


class Friendship(Entity, table=True):
    one_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")
    other_id: UUID = Field(foreign_key="person.id", ondelete="CASCADE")
    closeness: int = 1


class Person(Entity, table=True):
    age: int = 0
    friends: list["Person"] = Relationship(link_model=Friendship, symmetric=True)

    count: int = computed(Count(friends))
    ages: int = computed(Sum(friends, lambda friend: friend.age))
    eldest: int | None = computed(Max(friends, lambda friend: friend.age))
    adults: bool = computed(Every(friends, lambda friend: friend.age >= 18))
    newest: list[int] = computed(Collect(friends, lambda friend: friend.age, limit=2))
    beyond: int = computed(Sum(friends, lambda friend: friend.count))
    listed: list[int] = computed(
        Custom(lambda person: sorted(friend.age for friend in person.friends), reads=("friends.age",))
    )
    mood: Mood = computed(
        StateMachine(
            Mood.ALONE,
            Transition(Mood.ALONE, Mood.AMONG, when=created(friends)),
            Transition(Mood.AMONG, Mood.LEFT, when=deleted(friends)),
        )
    )


@derive
def friendship(met: Met) -> Friendship:
    return Friendship(one_id=met.one_id, other_id=met.other_id)


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Met, Friendship, Person, friendship]], database=database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


@pytest.fixture
def people(app: App) -> list[UUID]:
    """Ada is a friend of Bob's and of Eve's, who do not know each other."""
    with app.transaction() as tx:
        ada, bob, eve = (tx.add(Person(age=age)).id for age in (10, 20, 30))
        tx.add(Friendship(one_id=ada, other_id=bob))
        tx.add(Friendship(one_id=eve, other_id=ada))
    return [ada, bob, eve]


def test_a_link_is_seen_from_both_its_ends(app: App, people: list[UUID]) -> None:
    found = [app.get(Person, id) for id in people]
    assert [(one.count, one.ages, one.eldest) for one in found] == [(2, 50, 30), (1, 10, 10), (1, 10, 10)]
    assert [(one.adults, one.newest, one.listed) for one in found] == [
        (True, [30, 20], [20, 30]),
        (False, [10], [10]),
        (False, [10], [10]),
    ]
    assert [one.beyond for one in found] == [2, 2, 2]
    assert [one.mood for one in found] == [Mood.AMONG] * 3


def test_a_change_at_one_end_is_seen_at_the_other(app: App, people: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.update(Person, people[0], age=18)
        tx.update(Person, people[2], age=5)
    found = [app.get(Person, id) for id in people]
    assert [(one.ages, one.eldest, one.adults) for one in found] == [
        (25, 20, False),
        (18, 18, True),
        (18, 18, True),
    ]


def test_a_pair_is_one_link_whichever_way_it_is_written(app: App, people: list[UUID]) -> None:
    ada, bob, _ = people
    with pytest.raises(AlreadyExists, match=r"Friendship with one_id, other_id = .* exists already"):
        with app.transaction() as tx:
            tx.add(Friendship(one_id=bob, other_id=ada))
    with pytest.raises(AlreadyExists, match=r"Friendship with one_id, other_id = .* exists already"):
        app.dispatch(Met(one_id=ada, other_id=bob))
    assert len(app.query(select(Friendship))) == 2


def test_a_link_that_is_turned_around_is_the_same_link(app: App, people: list[UUID]) -> None:
    ada, bob, _ = people
    (link,) = app.query(select(Friendship).where(Friendship.other_id == bob))
    with app.transaction() as tx:
        tx.update(link, one_id=bob, other_id=ada)
    assert [app.get(Person, id).count for id in people] == [2, 1, 1]


def test_a_link_that_points_elsewhere_leaves_one_and_comes_to_another(app: App, people: list[UUID]) -> None:
    _, bob, eve = people
    (link,) = app.query(select(Friendship).where(Friendship.other_id == bob))
    with app.transaction() as tx:
        tx.update(link, one_id=eve, closeness=5)
    assert [app.get(Person, id).ages for id in people] == [30, 30, 30]
    assert app.get(Friendship, link.id).closeness == 5


def test_a_friend_who_goes_is_missed_at_the_other_end(app: App, people: list[UUID]) -> None:
    ada, bob, eve = people
    with app.transaction() as tx:
        tx.delete(Person, ada)
    left = [app.get(Person, id) for id in (bob, eve)]
    assert [(person.count, person.mood) for person in left] == [(0, Mood.LEFT)] * 2
    assert app.query(select(Friendship)) == []


def test_who_is_their_own_friend_is_seen_once(app: App, people: list[UUID]) -> None:
    with app.transaction() as tx:
        own = tx.add(Friendship(one_id=people[1], other_id=people[1])).id
    assert (app.get(Person, people[1]).count, app.get(Person, people[1]).ages) == (2, 30)
    with app.transaction() as tx:
        tx.update(Friendship, own, other_id=people[2])
    assert [app.get(Person, id).count for id in people] == [2, 2, 2]


def test_ends_are_told_of_to_nobody(app: App) -> None:
    with app.transaction() as tx:
        ada, bob = (tx.add(Person(age=age)).id for age in (1, 2))
    receipt = app.dispatch(Met(one_id=ada, other_id=bob))
    assert [change.model.__name__ for change in receipt.changes] == ["Met", "Friendship", "Person", "Person"]
    explained = app.explain(Person, "ages", ada)
    assert explained.because == "it is the Sum over 1 records of Person, by Friendship.one_id"


def test_queries_see_friends_from_both_ends(app: App, people: list[UUID]) -> None:
    ada, bob, eve = people
    of_ada = app.query(select(Person).where(Person.friends.any(Person.id == ada)))  # type: ignore[attr-defined]
    assert {person.id for person in of_ada} == {bob, eve}
