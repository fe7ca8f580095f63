"""Records that hang on each other in thousands, and that hold each other, go like any others."""

from collections.abc import Iterator
from enum import StrEnum
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    Count,
    Entity,
    Event,
    Field,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    computed,
    deleted,
    on,
)
from framework.app import App, opened
from framework.model.record import Record
from framework.runtime.errors import StillReferenced

LONG = 10_000


class Shop(Entity, table=True):
    parcels: list["Parcel"] = Relationship()

    count: int = computed(Count(parcels))
    weight: int = computed(Sum(parcels, lambda parcel: parcel.weight))


class Parcel(Entity, table=True):
    """One of a linked list: it goes with the one before it."""

    after_id: UUID | None = Field(default=None, foreign_key="parcel.id", ondelete="CASCADE")
    shop_id: UUID | None = Field(default=None, foreign_key="shop.id")
    weight: int = 1


class Tag(Entity, table=True):
    parcel_id: UUID | None = Field(default=None, foreign_key="parcel.id", ondelete="SET NULL")


class Seal(Entity, table=True):
    parcel_id: UUID = Field(foreign_key="parcel.id")


class Crate(Entity, table=True):
    pass


class Bottle(Entity, table=True):
    """It goes with its crate, and keeps the one that it leans on, and the one that it stands on."""

    crate_id: UUID = Field(foreign_key="crate.id", ondelete="CASCADE")
    leans_on: UUID | None = Field(default=None, foreign_key="bottle.id")
    stands_on: UUID | None = Field(default=None, foreign_key="bottle.id", ondelete="RESTRICT")
    cork_id: UUID | None = Field(default=None, foreign_key="cork.id")


class Cork(Entity, table=True):
    crate_id: UUID = Field(foreign_key="crate.id", ondelete="CASCADE")
    bottle_id: UUID | None = Field(default=None, foreign_key="bottle.id")


class Dancer(Entity, table=True):
    """One of a ring of which nobody may be without the next."""

    next_id: UUID = Field(foreign_key="dancer.id", ondelete="CASCADE")


class Life(StrEnum):
    ALIVE = "alive"
    GONE = "gone"


class Cut(Event, table=True):
    link_id: UUID | None = Field(default=None, foreign_key="link.id", ondelete="SET NULL")


class Link(Entity, table=True):
    """It goes when the one that it holds has gone: a wave for each."""

    holder_id: UUID | None = Field(default=None, foreign_key="link.id")
    held: list["Link"] = Relationship()

    life: Life = computed(
        StateMachine(
            Life.ALIVE,
            Transition(Life.ALIVE, Life.GONE, when=deleted(held)),
            Transition(Life.ALIVE, Life.GONE, when=on(Cut)),
            erases=Life.GONE,
        )
    )


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    records = [Shop, Parcel, Tag, Seal, Crate, Bottle, Cork, Dancer, Cut, Link]
    with opened(App([records], database=database_url)) as app:
        yield app
        assert app.verify() == []


def chain(app: App, model: type[Record], key: str, long: int, **facts: object) -> list[UUID]:
    """Records each of which refers to the one before."""
    ids: list[UUID] = []
    with app.transaction() as tx:
        for _ in range(long):
            ids.append(tx.add(model(**{key: ids[-1] if ids else None}, **facts)).id)
    return ids


def test_a_list_of_ten_thousand_goes_with_its_first(app: App) -> None:
    with app.transaction() as tx:
        shop = tx.add(Shop()).id
    first, *_, last = chain(app, Parcel, "after_id", LONG, shop_id=shop, weight=2)
    with app.transaction() as tx:
        tag = tx.add(Tag(parcel_id=last)).id
        loose = tx.add(Parcel(shop_id=shop)).id
    assert (app.get(Shop, shop).count, app.get(Shop, shop).weight) == (LONG + 1, 2 * LONG + 1)
    with app.transaction() as tx:
        tx.delete(Parcel, first)
    assert [parcel.id for parcel in app.query(select(Parcel))] == [loose]
    assert app.get(Tag, tag).parcel_id is None
    assert (app.get(Shop, shop).count, app.get(Shop, shop).weight) == (1, 1)


def test_what_keeps_the_last_of_a_list_keeps_all_of_it(app: App) -> None:
    first, *_, last = chain(app, Parcel, "after_id", 2000)
    with app.transaction() as tx:
        tx.add(Seal(parcel_id=last))
    with (
        pytest.raises(StillReferenced, match=rf"Parcel {last} cannot .* Seal\.parcel_id"),
        app.transaction() as tx,
    ):
        tx.delete(Parcel, first)
    assert len(app.query(select(Parcel))) == 2000


@pytest.mark.parametrize("key", ["leans_on", "stands_on"])
@pytest.mark.parametrize("in_a_ring", [False, True])
def test_those_that_hold_each_other_go_with_what_has_them_all(app: App, key: str, in_a_ring: bool) -> None:
    with app.transaction() as tx:
        crate = tx.add(Crate()).id
    first, *_, last = chain(app, Bottle, key, 1000, crate_id=crate)
    with app.transaction() as tx:
        cork = tx.add(Cork(crate_id=crate, bottle_id=first)).id
        tx.update(Bottle, first, cork_id=cork, **({key: last} if in_a_ring else {}))
    with app.transaction() as tx:
        tx.delete(Crate, crate)
    assert app.query(select(Bottle)) == []
    assert app.query(select(Cork)) == []


def test_a_ring_goes_with_each_of_it(app: App) -> None:
    ids = chain(app, Parcel, "after_id", 3000)
    with app.transaction() as tx:
        tx.update(Parcel, ids[0], after_id=ids[-1])
    with app.transaction() as tx:
        tx.delete(Parcel, ids[1000])
    assert app.query(select(Parcel)) == []


def test_a_ring_of_keys_that_are_never_empty_goes_too(app: App) -> None:
    with app.transaction() as tx:
        ids = [tx.add(Dancer(id=(id := UUID(int=number)), next_id=id)).id for number in range(1, 6)]
    with app.transaction() as tx:
        for id, next_id in zip(ids, [*ids[1:], ids[0]], strict=True):
            tx.update(Dancer, id, next_id=next_id)
    with app.transaction() as tx:
        tx.delete(Dancer, ids[2])
    assert app.query(select(Dancer)) == []


def test_a_list_that_is_made_and_let_go_in_one_transaction_was_never_there(app: App) -> None:
    with app.transaction() as tx:
        ids = [tx.add(Parcel()).id]
        for _ in range(2000):
            ids.append(tx.add(Parcel(after_id=ids[-1])).id)
        tx.delete(Parcel, ids[0])
    assert app.query(select(Parcel)) == []


def test_states_that_delete_go_through_a_list_of_two_thousand(app: App) -> None:
    *_, last = chain(app, Link, "holder_id", 2000)
    receipt = app.dispatch(Cut(link_id=last))
    assert app.query(select(Link)) == []
    assert len(receipt.changes) == 2001


def test_all_that_meet_a_criterion_go_whoever_keeps_whom(app: App) -> None:
    with app.transaction() as tx:
        crate = tx.add(Crate()).id
    ids = chain(app, Bottle, "leans_on", 2000, crate_id=crate)
    with app.transaction() as tx:
        assert tx.delete_where(Bottle, Bottle.id != ids[0]) == 1999
    assert [bottle.id for bottle in app.query(select(Bottle))] == [ids[0]]
