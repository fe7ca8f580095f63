"""What a record is computed with from a Global: a change of it reaches everybody, in one transaction."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import (
    Average,
    Collect,
    Count,
    Custom,
    Deadline,
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
    WeightedSum,
    computed,
    derive,
    on,
)
from framework.app import App, Settings, opened
from framework.clock import ManualClock
from framework.plan.mistakes import CyclicComputation
from framework.plan.strict import UndeclaredRead
from framework.runtime.parameters import Parameters
from tests.engine.conftest import Watch

START = datetime(2026, 3, 1, tzinfo=UTC)


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Weighed(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id")


class Shop(Global, table=True):
    vat: int = 10
    threshold: int = 5
    days: int = 1
    motto: str = ""

    shown: int = computed(Formula(lambda shop: shop.threshold * 100))


class Item(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
    price: int | None = None
    order: "Order" = Relationship(back_populates="items")

    with_vat: int = computed(Formula(lambda item, shop: (item.price or 0) * (100 + shop.vat), given=Shop))
    label: str | None = computed(Lookup(order, lambda order, shop: f"{order.name}{shop.motto}", given=Shop))


class Order(Entity, table=True):
    name: str = ""
    placed_at: datetime = START
    items: list[Item] = Relationship(back_populates="order")

    dear: int = computed(Count(items, lambda item, shop: (item.price or 0) > shop.threshold, given=Shop))
    taxed: int = computed(Sum(items, lambda item, shop: (item.price or 0) * shop.vat, given=Shop))
    weighed: int = computed(
        WeightedSum(items, lambda item, shop: item.price, lambda item, shop: shop.vat, given=Shop)
    )
    mean: float | None = computed(
        Average(
            items, lambda item, shop: item.price if (item.price or 0) > shop.threshold else None, given=Shop
        )
    )
    all_dear: bool = computed(Every(items, lambda item, shop: (item.price or 0) > shop.threshold, given=Shop))
    some_dear: bool = computed(Some(items, lambda item, shop: (item.price or 0) > shop.threshold, given=Shop))
    least: int | None = computed(
        Min(
            items,
            lambda item, shop: item.price,
            lambda item, shop: (item.price or 0) > shop.threshold,
            given=Shop,
        )
    )
    most: int | None = computed(Max(items, lambda item, shop: (item.price or 0) % shop.vat, given=Shop))
    latest: str | None = computed(Latest(items, lambda item, shop: f"{item.price}{shop.motto}", given=Shop))
    first: int | None = computed(
        First(
            items, lambda item, shop: item.price if (item.price or 0) > shop.threshold else None, given=Shop
        )
    )
    last_two: list[int] = computed(
        Collect(items, lambda item, shop: (item.price or 0) + shop.vat, limit=2, given=Shop)
    )
    gross: int = computed(Sum(items, lambda item: item.with_vat))
    overdue: bool = computed(
        Deadline(
            lambda order, shop: order.placed_at + timedelta(days=shop.days),
            before=False,
            after=True,
            given=Shop,
        )
    )
    spread: int = computed(
        Custom(
            lambda order, shop: sum((item.price or 0) // shop.vat for item in order.items),
            reads=("items.price",),
            given=Shop,
        )
    )
    size: Size = computed(
        StateMachine(
            Size.SMALL,
            Transition(
                Size.SMALL,
                Size.LARGE,
                when=on(Weighed),
                guard=lambda order, shop: order.taxed > shop.threshold,
                given=Shop,
            ),
        )
    )


class Totals(Global, table=True):
    gross: int = computed(Sum(Order, lambda order: order.gross))
    dear: int = computed(Count(Item, lambda item, shop: (item.price or 0) > shop.shown // 100, given=Shop))


MODELS: list[object] = [Shop, Order, Item, Totals, Weighed]


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODELS], database=database_url, clock=ManualClock(START + timedelta(hours=36)))) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


def order(app: App, *prices: int | None, name: str = "ada") -> UUID:
    with app.transaction() as tx:
        made = tx.add(Order(name=name))
        for price in prices:
            tx.add(Item(order_id=made.id, price=price))
    return made.id


def turn(app: App, **facts: Any) -> None:
    with app.transaction() as tx:
        tx.update(Shop, **facts)


def items(app: App, id: UUID) -> list[Item]:
    return app.query(select(Item).where(Item.order_id == id).order_by(Item.id))  # type: ignore[arg-type]  # a column


def test_what_is_computed_with_a_parameter_is_there_from_the_start(app: App) -> None:
    found = app.get(Order, order(app, 3, 8))
    assert (found.dear, found.taxed, found.weighed, found.mean) == (1, 110, 110, 8.0)
    assert (found.all_dear, found.some_dear, found.least, found.most) == (False, True, 8, 8)
    assert (found.latest, found.first, found.last_two) == ("8", 8, [18, 13])
    assert (found.gross, found.overdue, found.spread) == (1210, True, 0)
    assert app.get(Totals).gross == 1210


def test_a_change_of_a_parameter_changes_everybody(app: App) -> None:
    one, other = order(app, 3, 8, None), order(app, 20, name="bob")
    turn(app, vat=4, threshold=2, motto="!", days=3)
    found = app.get(Order, one)
    assert (found.dear, found.taxed, found.weighed, found.mean) == (2, 44, 44, 5.5)
    assert (found.all_dear, found.some_dear, found.least, found.most) == (False, True, 3, 3)
    assert (found.latest, found.first, found.last_two) == ("None!", 3, [4, 12])
    assert (found.gross, found.overdue, found.spread) == (1144, False, 2)
    assert [item.label for item in items(app, other)] == ["bob!"]
    assert (app.get(Order, other).gross, app.get(Totals).gross, app.get(Totals).dear) == (2080, 3224, 3)


def test_a_change_of_a_parameter_and_of_records_in_one_transaction_counts_each_once(app: App) -> None:
    one, other = order(app, 3, 8), order(app, 20)
    with app.transaction() as tx:
        moved, gone = items(app, one)
        tx.update(Shop, vat=2, threshold=7)
        tx.update(moved, order_id=other, price=9)
        tx.delete(gone)
        tx.add(Item(order_id=one, price=1))
    assert (app.get(Order, one).taxed, app.get(Order, other).taxed) == (2, 58)
    assert (app.get(Order, one).last_two, app.get(Order, other).dear) == ([3], 2)


def test_a_parameter_that_is_set_to_what_it_is_touches_nobody(app: App) -> None:
    order(app, 3)
    with app.transaction() as tx:
        tx.update(Shop, vat=10)
        tx.finish()
        assert set(tx.work.rows) == {tx.plan.shapes[Shop]}


def test_a_guard_asks_the_parameter_of_its_moment_and_is_not_asked_again(app: App) -> None:
    id = order(app, 1)
    turn(app, threshold=10)
    app.dispatch(Weighed(order_id=id))
    assert app.get(Order, id).size is Size.SMALL
    turn(app, threshold=9)
    assert app.get(Order, id).size is Size.SMALL
    app.dispatch(Weighed(order_id=id))
    assert app.get(Order, id).size is Size.LARGE


def test_an_explanation_names_the_parameter(app: App) -> None:
    id = order(app, 3)
    said = str(app.explain(Item, "with_vat", items(app, id)[0].id))
    assert "Shop" in said
    assert "vat = 10" in said
    assert "Shop" in str(app.explain(Order, "taxed", id))


def test_the_plan_shows_what_a_parameter_reaches(app: App) -> None:
    assert "Shop.exists --> Item.with_vat" in app.graph()
    assert "Shop.exists --> Order.taxed" in app.graph()


def test_a_circle_through_a_global_is_found_with_its_path() -> None:
    class Till(Global, table=True):
        dear: int = computed(Count("Ware", lambda ware: ware.is_dear))  # type: ignore[arg-type]  # set below

    class Ware(Entity, table=True):
        is_dear: bool = computed(Formula(lambda ware, till: till.dear > 3, given=Till))

    object.__setattr__(Till.__computed__["dear"], "records", Ware)
    with pytest.raises(CyclicComputation, match=r"Till.dear <- Ware.is_dear <- Till.dear"):
        App([[Till, Ware]])


def test_a_global_may_count_the_records_that_are_computed_from_it_while_the_properties_differ(
    database_url: str,
) -> None:
    class Ware(Entity, table=True):
        price: int

        share: int = computed(Formula(lambda ware, till: ware.price * 100 // till.total, given=lambda: Till))

    class Till(Global, table=True):
        total: int = computed(Sum(Ware, lambda ware: ware.price))
        big: int = computed(Count(Ware, lambda ware: ware.share >= 50))

    object.__setattr__(Ware.__computed__["share"], "given", Till)
    with opened(App([[Ware, Till]], database=database_url)) as app:
        with app.transaction() as tx:
            first = tx.add(Ware(price=1)).id
        with app.transaction() as tx:
            tx.add(Ware(price=3))
        assert (app.get(Ware, first).share, app.get(Till).total, app.get(Till).big) == (25, 4, 1)
        assert app.verify() == []


def priced(record: Any, shop: Any) -> int:
    """Code that the plan cannot follow."""
    return int(record.price * shop.vat + shop.threshold)


def test_an_undeclared_read_of_a_parameter_raises_in_test_mode(database_url: str) -> None:
    class Ware(Entity, table=True):
        price: int
        lying: int = computed(
            Formula(lambda ware, shop: priced(ware, shop), reads=("price", "Shop.vat"), given=Shop)
        )

    class Honest(Entity, table=True):
        price: int
        said: int = computed(
            Formula(
                lambda ware, shop: priced(ware, shop),
                reads=("price", "Shop.vat", "Shop.threshold"),
                given=Shop,
            )
        )

    strict = Settings(strict_reads=True)
    with opened(App([[Ware, Honest, Shop]], database=database_url, settings=strict)) as app:
        with pytest.raises(UndeclaredRead, match=r"Ware\.lying read 'threshold'"), app.transaction() as tx:
            tx.add(Ware(price=2))
        with app.transaction() as tx:
            made = tx.add(Honest(price=2)).id
        turn(app, threshold=1)
        assert app.get(Honest, made).said == 21


def test_a_change_of_a_parameter_reads_and_writes_in_batches(app: App, watch: Watch) -> None:
    with app.transaction() as tx:
        basket = tx.add(Order()).id
        for price in range(50):
            tx.add(Item(order_id=basket, price=price))
    with watch() as few:
        turn(app, vat=11)
    assert len([one for one in few if one.startswith("SELECT")]) < 30
    if app.engine.database.concurrent:
        assert len([one for one in few if one.startswith("UPDATE item")]) == 2
    assert app.get(Order, basket).taxed == sum(range(50)) * 11


def test_more_records_than_a_batch_are_all_reached(database_url: str) -> None:
    with opened(App([MODELS], database=database_url)) as app:
        with app.transaction() as tx:
            basket = tx.add(Order()).id
            for price in range(2500):
                tx.add(Item(order_id=basket, price=price))
        turn(app, vat=11, threshold=2400)
        found = app.get(Order, basket)
        assert (found.dear, found.gross) == (99, sum(range(2500)) * 111)
        assert app.verify() == []


def test_nobody_is_stale_who_comes_while_a_parameter_changes(app: App) -> None:
    baskets = [order(app, 1) for _ in range(4)]
    start = threading.Barrier(8)

    def work(n: int) -> None:
        start.wait()
        for number in range(6):
            if n < 2:
                app.engine.write(
                    lambda tx, number=number: tx.update(Shop, vat=number + n + 1, threshold=number)
                )
            else:
                id = baskets[(n + number) % 4]
                app.engine.write(lambda tx, id=id, number=number: tx.add(Item(order_id=id, price=number)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    vat = app.get(Shop).vat
    assert len(app.query(select(Item))) == 40
    assert [item.with_vat for item in app.query(select(Item))] == [
        (item.price or 0) * (100 + vat) for item in app.query(select(Item))
    ]
    assert app.get(Totals).gross == sum(item.with_vat for item in app.query(select(Item)))


def test_a_row_that_is_being_made_waits_for_the_parameter_that_is_being_changed(postgres_url: str) -> None:
    with opened(App([MODELS], database=postgres_url)) as app:
        basket = order(app, 1)
        changed, go_on = threading.Event(), threading.Event()
        have_alone = Parameters.have_alone

        def change() -> None:
            with app.transaction() as tx:
                tx.update(Shop, vat=50)
                changed.set()
                go_on.wait(timeout=5)

        with ThreadPoolExecutor(2) as pool:
            changing = pool.submit(change)
            changed.wait(timeout=5)
            making = pool.submit(app.engine.write, lambda tx: tx.add(Item(order_id=basket, price=2)))
            go_on.set()
            changing.result(), making.result()
        assert have_alone is Parameters.have_alone
        assert sorted(item.with_vat for item in items(app, basket)) == [150, 300]
        assert app.verify() == []


class Ware(Entity, table=True):
    price: int


class Parcel(Entity, table=True):
    ware_id: UUID
    weight: int


class Sold(Event, table=True):
    price: int


class Receipt(Event, table=True):
    vat: int


@derive
def parcels(ware: Ware, shop: Shop) -> list[Parcel]:
    return [Parcel(ware_id=ware.id, weight=shop.vat) for _ in range(ware.price // shop.threshold)]


@derive
def receipt(sold: Sold, shop: Shop) -> Receipt | None:
    return Receipt(vat=shop.vat) if sold.price > shop.threshold else None


def test_what_a_rule_keeps_equal_follows_the_parameter_and_what_it_made_once_does_not(
    database_url: str,
) -> None:
    with opened(App([[Ware, Parcel, Sold, Receipt, Shop, parcels, receipt]], database=database_url)) as app:
        with app.transaction() as tx:
            ware = tx.add(Ware(price=11)).id
            tx.add(Ware(price=1))
        app.dispatch(Sold(price=6))
        before = app.query(select(Parcel).order_by(Parcel.id))  # type: ignore[arg-type]  # a column
        turn(app, vat=3, threshold=3)
        after = app.query(select(Parcel).order_by(Parcel.id))  # type: ignore[arg-type]  # a column
        assert [one.weight for one in before] == [10, 10]
        assert [(one.ware_id, one.weight) for one in after] == [(ware, 3)] * 3
        assert [one.id for one in after[:2]] == [one.id for one in before]
        turn(app, vat=3, threshold=100)
        assert app.query(select(Parcel)) == []
        assert [one.vat for one in app.query(select(Receipt))] == [10]
        assert app.verify() == []


class Tag(Entity, table=True):
    name: str
    weight: int = 1


class Tagged(Entity, table=True):
    __table_args__ = (Unique("post_id", "tag_id"),)

    post_id: UUID = Field(foreign_key="post.id", ondelete="CASCADE")
    tag_id: UUID = Field(foreign_key="tag.id", ondelete="CASCADE")


class Post(Entity, table=True):
    tags: list[Tag] = Relationship(link_model=Tagged)

    heavy: int = computed(Count(tags, lambda tag, shop: tag.weight > shop.threshold, given=Shop))
    most: int | None = computed(Max(tags, lambda tag, shop: tag.weight * shop.vat, given=Shop))
    by_name: dict[str, int] = computed(
        Sum(
            tags,
            lambda tag, shop: tag.weight * shop.vat,
            by=lambda tag, shop: tag.name or None,
            given=Shop,
        )
    )
    spread: int = computed(
        Custom(
            lambda post, shop: sum(tag.weight % shop.vat for tag in post.tags),
            reads=("tags.weight",),
            given=Shop,
        )
    )


def test_a_parameter_reaches_what_is_computed_over_links(database_url: str) -> None:
    with opened(App([[Tag, Tagged, Post, Shop]], database=database_url)) as app:
        with app.transaction() as tx:
            post, other = (tx.add(Post()).id for _ in range(2))
            weights = {"a": 4, "b": 9, "": 7}
            tags = [tx.add(Tag(name=name, weight=weight)).id for name, weight in weights.items()]
            for tag in tags:
                tx.add(Tagged(post_id=post, tag_id=tag))
        found = app.get(Post, post)
        assert (found.heavy, found.most, found.by_name, found.spread) == (2, 90, {"a": 40, "b": 90}, 20)
        with app.transaction() as tx:
            tx.update(Shop, threshold=8, vat=2)
            tx.update(Tag, tags[0], name="b")
            tx.add(Tagged(post_id=other, tag_id=tags[1]))
        found = app.get(Post, post)
        assert (found.heavy, found.most, found.by_name, found.spread) == (1, 18, {"b": 26}, 2)
        assert app.get(Post, other).by_name == {"b": 18}
        assert "vat = 2" in str(app.explain(Post, "most", post))
        assert app.verify() == []
