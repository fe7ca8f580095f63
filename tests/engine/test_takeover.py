"""One to one: an occupied end is refused, or taken over; and unique values can be exchanged."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from framework import (
    Count,
    Entity,
    Event,
    Field,
    Latest,
    Lookup,
    Relationship,
    Sum,
    Unique,
    computed,
    derive,
    subset,
    takeover,
)
from framework.app import App, opened
from framework.runtime.errors import AlreadyExists, CannotExchange
from tests.soak import examples


class Seated(Event, table=True):
    holder_id: UUID = Field(foreign_key="holder.id")


class Seat(Entity, table=True):
    """Who takes a seat gives up the one that they had; a number is of one seat, and stays."""

    holder_id: UUID | None = takeover(Field(default=None, foreign_key="holder.id", unique=True))
    number: int | None = Field(default=None, unique=True)
    price: int = 0
    holder: "Holder" = Relationship(back_populates="seats")

    holder_name: str | None = computed(Lookup(holder, lambda holder: holder.name))


class Holder(Entity, table=True):
    name: str
    code: str = Field(unique=True)
    seats: list[Seat] = Relationship(back_populates="holder")

    held: int = computed(Count(seats))
    paid: int = computed(Sum(seats, lambda seat: seat.price))


class Place(Entity, table=True):
    __table_args__ = (Unique("row", "position"),)

    row: str
    position: int | None = None


class Badge(Entity, table=True):
    holder_id: UUID = Field(foreign_key="holder.id", unique=True)


class Pass(Entity, table=True):
    holder_id: UUID = Field(foreign_key="holder.id", unique=True)
    number: int = Field(unique=True)


class Ticket(Entity, table=True):
    """What is not in use any longer keeps its number, which counts no more."""

    __table_args__ = (Unique("number", where=lambda ticket: ticket.in_use.is_(True)),)

    number: int
    in_use: bool = True
    token: str | None = Field(default=None, unique=True)


class Step(Entity, table=True):
    __table_args__ = (Unique("top_id", "position"),)

    top_id: UUID = Field(foreign_key="top.id")
    position: int
    token: UUID = Field(unique=True)


class Top(Entity, table=True):
    steps: list[Step] = Relationship()
    at_top: list[Step] = subset(steps, lambda step: step.position == 0)

    first: UUID | None = computed(Latest(at_top, lambda step: step.token))


@derive
def seat(seated: Seated) -> Seat:
    return Seat(holder_id=seated.holder_id, price=7)


MODULE = [Seated, Seat, Holder, Place, Badge, Pass, Ticket, Step, Top, seat]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


@pytest.fixture
def holders(app: App) -> list[UUID]:
    with app.transaction() as tx:
        return [tx.add(Holder(name=name, code=name)).id for name in ("ada", "bob")]


def totals(app: App, holders: list[UUID]) -> list[tuple[int, int]]:
    found = [app.get(Holder, id) for id in holders]
    return [(holder.held, holder.paid) for holder in found]


def test_an_occupied_end_is_taken_over(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        old = tx.add(Seat(holder_id=holders[0], price=10)).id
        new = tx.add(Seat(holder_id=holders[1], price=20)).id
    with app.transaction() as tx:
        tx.update(Seat, new, holder_id=holders[0])
    assert app.get(Seat, old).holder_id is None
    assert app.get(Seat, old).holder_name is None
    assert app.get(Seat, new).holder_name == "ada"
    assert totals(app, holders) == [(1, 20), (0, 0)]


def test_a_new_record_takes_over(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        old = tx.add(Seat(holder_id=holders[0], price=10)).id
    with app.transaction() as tx:
        tx.add(Seat(holder_id=holders[0], price=30))
        tx.add(Seat(holder_id=holders[0], price=40))
    assert app.get(Seat, old).holder_id is None
    assert totals(app, holders) == [(1, 40), (0, 0)]


def test_what_a_rule_makes_takes_over(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.add(Seat(holder_id=holders[0], price=10))
    app.dispatch(Seated(holder_id=holders[0]))
    app.dispatch(Seated(holder_id=holders[0]))
    assert totals(app, holders) == [(1, 7), (0, 0)]
    assert len(app.query(select(Seat))) == 3


def test_of_many_new_records_the_last_takes_over(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.add_all(Seat(holder_id=holders[0], price=price) for price in (1, 2, 4))
    assert totals(app, holders) == [(1, 4), (0, 0)]
    assert len(app.query(select(Seat))) == 3


def test_who_has_a_value_keeps_it_by_taking_it_again(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        seat = tx.add(Seat(holder_id=holders[0], price=10)).id
        tx.update(Seat, seat, holder_id=holders[0])
    with app.transaction() as tx:
        tx.update(Seat, seat, holder_id=holders[0], price=11)
    assert totals(app, holders) == [(1, 11), (0, 0)]


def test_seats_are_exchanged_one_after_the_other_or_at_once(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        seats = [tx.add(Seat(holder_id=id, price=n)).id for n, id in enumerate(holders, 1)]
    with app.transaction() as tx:  # bob's seat goes to ada, and the one that she left to bob
        tx.update(Seat, seats[1], holder_id=holders[0])
        tx.update(Seat, seats[0], holder_id=holders[1])
    assert totals(app, holders) == [(1, 2), (1, 1)]


def test_without_takeover_a_value_that_is_taken_is_refused(app: App) -> None:
    with app.transaction() as tx:
        tx.add(Seat(number=1))
        other = tx.add(Seat(number=2)).id
    with pytest.raises(AlreadyExists, match="Seat with number = '1' exists already"), app.transaction() as tx:
        tx.update(Seat, other, number=1)


def test_two_records_exchange_a_unique_value(app: App) -> None:
    with app.transaction() as tx:
        one, other, third = (tx.add(Seat(number=number, price=number)).id for number in (1, 2, 3))
    with app.transaction() as tx:
        tx.update(Seat, one, number=2)
        tx.update(Seat, other, number=1)
    assert [app.get(Seat, id).number for id in (one, other)] == [2, 1]
    with app.transaction() as tx:  # back, and after the database was told of it: in a circle of three
        tx.update(Seat, one, number=1)
        tx.update(Seat, other, number=2)
        tx.work.flush()
        tx.update(Seat, one, number=2)
        tx.update(Seat, other, number=3)
        tx.update(Seat, third, number=1)
    assert [app.get(Seat, id).number for id in (one, other, third)] == [2, 3, 1]


def test_unique_values_move_up_in_a_row(app: App) -> None:
    with app.transaction() as tx:
        seats = [tx.add(Seat(number=number)).id for number in range(300)]
    with app.transaction() as tx:
        for number, id in enumerate(seats):
            tx.update(Seat, id, number=number + 1)
    assert [app.get(Seat, id).number for id in seats] == list(range(1, 301))


def test_a_value_that_is_never_empty_moves_up_too(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.update(Holder, holders[0], code="bob")
        tx.update(Holder, holders[1], code="eve")
    assert [app.get(Holder, id).code for id in holders] == ["bob", "eve"]


def test_values_that_are_never_empty_are_exchanged_too(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        tx.update(Holder, holders[0], code="bob")
        tx.update(Holder, holders[1], code="ada")
    assert [app.get(Holder, id).code for id in holders] == ["bob", "ada"]


def test_records_exchange_two_unique_values_at_once(app: App) -> None:
    with app.transaction() as tx:
        one, other = (tx.add(Ticket(number=n, token=token)).id for n, token in ((1, None), (2, "b")))
    with app.transaction() as tx:
        tx.update(Ticket, one, number=2, token="b")
        tx.update(Ticket, other, number=1, token=None)
    found = [app.get(Ticket, id) for id in (one, other)]
    assert [(ticket.number, ticket.token) for ticket in found] == [(2, "b"), (1, None)]


def test_who_keeps_a_number_that_does_not_count_hides_nobody_who_gives_it_up(app: App) -> None:
    with app.transaction() as tx:
        taker, giver = (tx.add(Ticket(number=number)).id for number in (3, 1))
        old, last = tx.add(Ticket(number=1, in_use=False)).id, tx.add(Ticket(number=2)).id
    with app.transaction() as tx:
        tx.update(Ticket, taker, number=1)
        tx.update(Ticket, giver, number=2)
        tx.update(Ticket, old, number=7)
        tx.update(Ticket, last, number=9)
    assert [app.get(Ticket, id).number for id in (taker, giver, old, last)] == [1, 2, 7, 9]


def test_a_new_record_between_two_changes_does_not_come_between_them(app: App) -> None:
    with app.transaction() as tx:
        one, other = (tx.add(Ticket(number=number)).id for number in (1, 2))
    with app.transaction() as tx:
        tx.update(Ticket, one, number=2)
        new = tx.add(Ticket(number=1)).id
        tx.update(Ticket, other, number=3)
    assert [app.get(Ticket, id).number for id in (one, other, new)] == [2, 3, 1]


def test_keys_that_are_never_empty_move_up_for_a_new_record(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        third = tx.add(Holder(name="eve", code="eve")).id
        badges = [tx.add(Badge(holder_id=id)).id for id in holders]
    with app.transaction() as tx:
        badges.append(tx.add(Badge(holder_id=holders[0])).id)
        tx.update(Badge, badges[0], holder_id=holders[1])
        tx.update(Badge, badges[1], holder_id=third)
    assert [app.get(Badge, id).holder_id for id in badges] == [holders[1], third, holders[0]]


def test_of_a_circle_one_is_parked_that_can_be(app: App, holders: list[UUID]) -> None:
    """The holder of neither can be nobody, but a number can be another one in between."""
    with app.transaction() as tx:
        third = tx.add(Holder(name="eve", code="eve")).id
        one, other = (tx.add(Pass(holder_id=id, number=n)).id for n, id in enumerate(holders))
    with app.transaction() as tx:
        tx.update(Pass, one, holder_id=holders[1], number=5)
        tx.update(Pass, other, holder_id=third, number=0)
    found = [app.get(Pass, id) for id in (one, other)]
    assert [(one.holder_id, one.number) for one in found] == [(holders[1], 5), (third, 0)]


def test_a_list_is_turned_round(app: App) -> None:
    with app.transaction() as tx:
        top = tx.add(Top()).id
        steps = [tx.add(Step(top_id=top, position=n, token=uuid4())).id for n in range(5)]
        tx.add(Step(top_id=tx.add(Top()).id, position=0, token=uuid4()))
    with app.transaction() as tx:
        for n, id in enumerate(reversed(steps)):
            tx.update(Step, id, position=n)
    assert [app.get(Step, id).position for id in steps] == [4, 3, 2, 1, 0]
    assert app.get(Top, top).first == app.get(Step, steps[4]).token
    with app.transaction() as tx:  # and once more, with a new one at the top that pushes all others down
        for n, id in enumerate(steps):
            tx.update(Step, id, position=n + 1)
        added = tx.add(Step(top_id=top, position=0, token=uuid4())).token
        tx.update(Step, steps[0], token=app.get(Step, steps[1]).token)
        tx.update(Step, steps[1], token=app.get(Step, steps[0]).token)
    assert [app.get(Step, id).position for id in steps] == [1, 2, 3, 4, 5]
    assert app.get(Top, top).first == added


def test_what_is_parked_goes_with_the_transaction(app: App, holders: list[UUID]) -> None:
    with pytest.raises(AlreadyExists, match="Holder with code = 'cleo'"), app.transaction() as tx:
        tx.add(Holder(name="cleo", code="cleo"))
        tx.update(Holder, holders[0], code="bob")
        tx.update(Holder, holders[1], code="ada")
        tx.work.flush()
        tx.add(Holder(name="cleo", code="cleo"))
    assert [app.get(Holder, id).code for id in holders] == ["ada", "bob"]


@examples(12, soak=500)
@given(order=st.permutations(range(7)), here=st.integers(1, 5), told=st.booleans())
def test_positions_change_in_any_way(app: App, order: list[int], here: int, told: bool) -> None:
    """Of seven places some are taken; those who are there go elsewhere, and others come to what is free."""
    with app.transaction() as tx:
        top = tx.add(Top()).id
        steps = [tx.add(Step(top_id=top, position=n, token=uuid4())).id for n in range(here)]
    with app.transaction() as tx:
        for n, id in enumerate(steps):
            tx.update(Step, id, position=order[n])
        if told:
            tx.work.flush()
        steps += [tx.add(Step(top_id=top, position=n, token=uuid4())).id for n in order[here:]]
    found = {id: app.get(Step, id) for id in steps}
    assert [found[id].position for id in steps] == order
    assert app.get(Top, top).first == next(one.token for one in found.values() if one.position == 0)
    assert app.verify() == []


def test_keys_that_are_never_empty_cannot_be_exchanged(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        badges = [tx.add(Badge(holder_id=id)).id for id in holders]
    with pytest.raises(CannotExchange) as refused, app.transaction() as tx:
        tx.update(Badge, badges[0], holder_id=holders[1])
        tx.update(Badge, badges[1], holder_id=holders[0])
    assert str(refused.value) == (
        "Records of Badge exchange their holder_id, and there is nothing that they could be in between. "
        "Annotate one of these `| None`, or give one of the records another value first, in a transaction "
        "of its own."
    )
    assert [app.get(Badge, id).holder_id for id in badges] == holders


def test_values_that_are_unique_together_are_exchanged(app: App) -> None:
    with app.transaction() as tx:
        one, other = (tx.add(Place(row="a", position=position)).id for position in (1, 2))
    with app.transaction() as tx:
        tx.update(Place, one, position=2)
        tx.update(Place, other, position=1)
    assert [app.get(Place, id).position for id in (one, other)] == [2, 1]


def test_a_new_record_takes_a_value_that_is_given_up_after_it_came(app: App, holders: list[UUID]) -> None:
    with app.transaction() as tx:
        old = tx.add(Seat(number=1)).id
    with app.transaction() as tx:
        new = tx.add(Seat(number=1)).id
        tx.update(Seat, old, number=5)
        tx.add(Holder(name="eve", code="ada"))
        tx.update(Holder, holders[0], code="ida")
    assert [app.get(Seat, id).number for id in (old, new)] == [5, 1]
    assert app.get(Holder, holders[0]).code == "ida"
