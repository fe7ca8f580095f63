"""What refers to a record that goes: it goes along, lets go, or keeps it; and what rules keep equal stays."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    APICall,
    Count,
    Entity,
    Event,
    Field,
    Payload,
    Relationship,
    Sum,
    Unique,
    computed,
    derive,
)
from framework.app import App, opened
from framework.integration import Completed, Integration
from framework.runtime.errors import KeptByRule, StillReferenced


class Shelf(Entity, table=True):
    name: str = ""


class Box(Entity, table=True):
    shelf_id: UUID | None = Field(default=None, foreign_key="shelf.id", ondelete="SET NULL")
    size: int = 1


class Sticker(Entity, table=True):
    """A rule keeps one for each box that is on a shelf; it would go with its shelf."""

    box_id: UUID = Field(foreign_key="box.id", ondelete="CASCADE")
    shelf_id: UUID = Field(foreign_key="shelf.id", ondelete="CASCADE")


class Plan(Entity, table=True):
    wanted_shelf: UUID
    size: int = 1


class Place(Entity, table=True):
    """A rule keeps one for each plan; its source does not change when the shelf goes."""

    plan_id: UUID
    shelf_id: UUID = Field(foreign_key="shelf.id", ondelete="CASCADE")


class Tip(Entity, table=True):
    plan_id: UUID
    shelf_id: UUID | None = Field(default=None, foreign_key="shelf.id", ondelete="SET NULL")


class Ordered(Event, table=True):
    shelf_id: UUID


class Text(Payload):
    text: str


class Call(APICall, table=True):
    shelf_id: UUID = Field(foreign_key="shelf.id", ondelete="CASCADE")
    request: Text


class Membership(Entity, table=True):
    __table_args__ = (Unique("club_id", "member_id"),)

    club_id: UUID = Field(foreign_key="club.id")
    member_id: UUID = Field(foreign_key="member.id", ondelete="CASCADE")


class Member(Entity, table=True):
    age: int = 0


class Club(Entity, table=True):
    members: list[Member] = Relationship(link_model=Membership)

    count: int = computed(Count(members))
    ages: int = computed(Sum(members, lambda member: member.age))


@derive
def sticker(box: Box) -> Sticker | None:
    return Sticker(box_id=box.id, shelf_id=box.shelf_id) if box.shelf_id else None


@derive
def place(plan: Plan) -> Place | None:
    return Place(plan_id=plan.id, shelf_id=plan.wanted_shelf) if plan.size == 1 else None


@derive
def tip(plan: Plan) -> Tip | None:
    return Tip(plan_id=plan.id, shelf_id=plan.wanted_shelf) if plan.size == 2 else None


@derive
def call(ordered: Ordered) -> Call:
    return Call(shelf_id=ordered.shelf_id, request=Text(text="up"))


RULES = [sticker, place, tip, call]
MODULE = [Shelf, Box, Sticker, Plan, Place, Tip, Ordered, Call, Membership, Member, Club, *RULES]


def lifter() -> Integration[object]:
    integration: Integration[object] = Integration("lifter")

    @integration.call(Call)
    async def lift(call: object, http: object) -> Completed:
        raise AssertionError("no worker runs in this test")

    return integration


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], [lifter()], database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


@pytest.fixture
def shelf(app: App) -> UUID:
    with app.transaction() as tx:
        return tx.add(Shelf()).id


def test_a_link_keeps_one_end_and_goes_with_the_other(app: App) -> None:
    with app.transaction() as tx:
        club = tx.add(Club()).id
        members = [tx.add(Member(age=age)).id for age in (1, 10)]
        for member in members:
            tx.add(Membership(club_id=club, member_id=member))
    with pytest.raises(StillReferenced, match=r"Membership\.club_id still refers to it"):
        with app.transaction() as tx:
            tx.delete(Club, club)
    with app.transaction() as tx:
        tx.delete(Member, members[1])
    assert (app.get(Club, club).count, app.get(Club, club).ages) == (1, 1)
    with app.transaction() as tx:
        tx.delete_where(Membership, Membership.club_id == club)
        tx.delete(Club, club)
    assert app.query(select(Club)) == []


def test_what_a_rule_made_goes_where_its_source_lets_go(app: App, shelf: UUID) -> None:
    """The box lets go of the shelf, so the rule makes no sticker of it any more."""
    with app.transaction() as tx:
        box = tx.add(Box(shelf_id=shelf)).id
    with app.transaction() as tx:
        tx.delete(Shelf, shelf)
    assert app.get(Box, box).shelf_id is None
    assert app.query(select(Sticker)) == []


def test_what_a_rule_makes_elsewhere_in_the_same_transaction_is_made_anew(app: App, shelf: UUID) -> None:
    with app.transaction() as tx:
        box = tx.add(Box(shelf_id=shelf)).id
    with app.transaction() as tx:
        other = tx.add(Shelf()).id
        tx.delete(Shelf, shelf)
        tx.update(Box, box, shelf_id=other)
    assert [sticker.shelf_id for sticker in app.query(select(Sticker))] == [other]


def test_what_a_rule_still_makes_does_not_go(app: App, shelf: UUID) -> None:
    with app.transaction() as tx:
        plan = tx.add(Plan(wanted_shelf=shelf)).id
    (place,) = app.query(select(Place))
    with pytest.raises(KeptByRule) as refused, app.transaction() as tx:
        tx.delete(Shelf, shelf)
    assert str(refused.value) == (
        f"Place {place.id} cannot follow the record that it refers to and that goes: the rule place still "
        f"makes it as it was. Delete or change its source, Plan {plan}, in the same transaction."
    )
    with app.transaction() as tx:
        tx.delete(Shelf, shelf)
        tx.delete(Plan, plan)
    assert app.query(select(Place)) == []


def test_what_a_rule_still_says_is_not_let_go(app: App, shelf: UUID) -> None:
    with app.transaction() as tx:
        plan = tx.add(Plan(wanted_shelf=shelf, size=2)).id
    with pytest.raises(KeptByRule, match="the rule tip still makes it as it was"), app.transaction() as tx:
        tx.delete(Shelf, shelf)
    with app.transaction() as tx:
        tx.delete(Shelf, shelf)
        tx.update(Plan, plan, size=3)
    assert app.query(select(Tip)) == []


def test_what_was_made_once_may_go(app: App, shelf: UUID) -> None:
    app.dispatch(Ordered(shelf_id=shelf))
    assert len(app.query(select(Call))) == 1
    with app.transaction() as tx:
        tx.delete(Shelf, shelf)
    assert app.query(select(Call)) == []


class Hotel(Entity, table=True):
    pass


class Room(Entity, table=True):
    hotel_id: UUID = Field(foreign_key="hotel.id", ondelete="CASCADE")


class Season(Entity, table=True):
    hotel_id: UUID = Field(foreign_key="hotel.id", ondelete="CASCADE")


class Booking(Entity, table=True):
    """It keeps its room, and goes with its season."""

    room_id: UUID = Field(foreign_key="room.id")
    season_id: UUID = Field(foreign_key="season.id", ondelete="CASCADE")


@pytest.mark.parametrize("declared", [[Hotel, Room, Season, Booking], [Booking, Season, Room, Hotel]])
def test_who_goes_anyway_keeps_nobody_in_whatever_order_things_were_declared(
    database_url: str, declared: list[type[Entity]]
) -> None:
    with opened(App([declared], database=database_url)) as app:
        with app.transaction() as tx:
            hotel, other = tx.add(Hotel()), tx.add(Hotel())
            room, season = tx.add(Room(hotel_id=hotel.id)), tx.add(Season(hotel_id=hotel.id))
            tx.add(Booking(room_id=room.id, season_id=season.id))
        with pytest.raises(StillReferenced, match="Booking"), app.transaction() as tx:
            tx.delete(room)
        with app.transaction() as tx:
            tx.delete(hotel)
        assert [app.query(select(one)) for one in (Room, Season, Booking)] == [[], [], []]
        with app.transaction() as tx:  # what goes with somebody else stays, and keeps it
            room = tx.add(Room(hotel_id=other.id))
            season = tx.add(Season(hotel_id=tx.add(Hotel()).id))
            tx.add(Booking(room_id=room.id, season_id=season.id))
        with pytest.raises(StillReferenced, match="Booking"), app.transaction() as tx:
            tx.delete(other)
        assert len(app.query(select(Booking))) == 1
        assert app.verify() == []
