"""Who is called otherwise is known to whatever speaks of them: machines, keys of dispatches, activities."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from framework import (
    Activity,
    Entity,
    Event,
    Field,
    OnEntry,
    Relationship,
    Renamed,
    StateMachine,
    Transition,
    Unique,
    any_of,
    became,
    computed,
    created,
    derive,
    on,
)
from framework.app import App
from framework.runtime.errors import ConflictingKey

HERE = f"{__name__}.{{}}.<locals>.{{}}"


class Status(StrEnum):
    OPEN = "open"
    PAID = "paid"
    PACKED = "packed"


def shop() -> list[Any]:
    class Placed(Event, table=True):
        email: str

    class Paid(Event, table=True):
        order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
        by: str

    class Tag(Entity, table=True):
        text: str

    class Tagging(Entity, table=True):
        __table_args__ = (Unique("order_id", "tag_id"),)
        order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")
        tag_id: UUID = Field(foreign_key="tag.id", ondelete="CASCADE")

    class Gift(Entity, table=True):
        order_id: UUID = Field(foreign_key="order.id", ondelete="CASCADE")

    class Order(Entity, table=True):
        email: str
        ready: bool = False
        tags: list[Tag] = Relationship(link_model=Tagging)

        status: Status = computed(
            StateMachine(
                Status.OPEN,
                Transition(Status.OPEN, Status.PAID, when=on(Paid)),
                Transition(Status.PAID, Status.PACKED, when=became("ready", True)),
            )
        )
        payer: str | None = computed(OnEntry(status, Status.PAID, lambda order, paid: paid.by))
        named: Status = computed(
            StateMachine(
                Status.OPEN,
                Transition(Status.OPEN, Status.PAID, when=created(tags)),
                Transition(Status.PAID, Status.PACKED, when=became(tags, "text", "rare")),
            )
        )

    @derive
    def order(placed: Placed) -> Order:
        return Order(id=placed.id, email=placed.email)

    @derive
    def gift(placed: Placed) -> Gift:
        return Gift(order_id=placed.id)

    return [Placed, Paid, Tag, Tagging, Gift, Order, order, gift]


def shop_as_it_is_called_now() -> list[Any]:
    """All is called otherwise, orders have a note, and there are no gifts any more."""

    class OrderPlaced(Event, table=True):
        __renamed__ = Renamed("Placed", mail="email")
        mail: str
        note: str = ""

    class OrderPaid(Event, table=True):
        __renamed__ = Renamed("Paid", purchase_id="order_id", payer="by")
        purchase_id: UUID = Field(foreign_key="purchase.id", ondelete="CASCADE")
        payer: str

    class Label(Entity, table=True):
        __renamed__ = Renamed("Tag", words="text")
        words: str

    class Labelling(Entity, table=True):
        __renamed__ = Renamed("Tagging", purchase_id="order_id", label_id="tag_id")
        __table_args__ = (Unique("purchase_id", "label_id"),)
        purchase_id: UUID = Field(foreign_key="purchase.id", ondelete="CASCADE")
        label_id: UUID = Field(foreign_key="label.id", ondelete="CASCADE")

    class Purchase(Entity, table=True):
        __renamed__ = Renamed("Order", mail="email", done="ready", state="status", paid_by="payer")
        mail: str
        done: bool = False
        tags: list[Label] = Relationship(link_model=Labelling)

        state: Status = computed(
            StateMachine(
                Status.OPEN,
                Transition(Status.OPEN, Status.PAID, when=on(OrderPaid)),
                Transition(Status.PAID, Status.PACKED, when=became("done", True)),
            )
        )
        paid_by: str | None = computed(OnEntry(state, Status.PAID, lambda purchase, paid: paid.payer))
        named: Status = computed(
            StateMachine(
                Status.OPEN,
                Transition(Status.OPEN, Status.PAID, when=created(tags)),
                Transition(Status.PAID, Status.PACKED, when=became(tags, "words", "rare")),
            )
        )

    @derive(renamed_from=HERE.format("shop", "order"))
    def purchase(placed: OrderPlaced) -> Purchase:
        return Purchase(id=placed.id, mail=placed.mail)

    return [OrderPlaced, OrderPaid, Label, Labelling, Purchase, purchase]


@pytest.fixture
def renamed(database_url: str) -> Any:
    """An App whose declarations are all called otherwise, with what had happened under the former names."""
    placed, paid, tag, tagging, _, order, *_ = module = shop()
    app = App([module], database=database_url)
    app.create()
    first = app.dispatch(placed(email="ada"), key="place").id
    app.dispatch(paid(order_id=first, by="bob"), key="pay")
    app.dispatch(paid(order_id=first, by="eve"))
    with app.transaction() as tx:
        rare = tx.add(tag(text="new"))
        tx.add(tagging(order_id=first, tag_id=rare.id))
    with app.transaction() as tx:
        tx.update(rare, text="rare")
        tx.update(order, first, ready=True)
    app.close()
    module = shop_as_it_is_called_now()
    app = App([module], database=database_url)
    assert app.migrate(allow_loss=True) == []
    yield app, module, first
    app.close()


def test_a_machine_goes_on_with_what_moved_it_under_former_names(renamed: Any) -> None:
    app, (_, paid, _, _, purchase, *_), first = renamed

    one = app.get(purchase, first)
    assert (one.state, one.paid_by, one.named) == (Status.PACKED, "bob", Status.PACKED)
    assert [move.what for move in app.explain(one, "state").inputs] == [
        "OrderPaid created: open -> paid, caused by",
        "OrderPaid created: stays paid, caused by",
        "Purchase.done became True: paid -> packed, caused by",
    ]
    assert [move.what for move in app.explain(one, "named").inputs] == [
        "Label linked: open -> paid, caused by",
        "Label.words became rare: paid -> packed, caused by",
    ]
    assert [(one.trigger, one.count) for one in app.unmatched()] == [("OrderPaid created", 1)]
    app.dispatch(paid(purchase_id=first, payer="cleo"))
    assert [(str(one.state), one.count) for one in app.unmatched()] == [("packed", 1), ("paid", 1)]
    assert app.verify() == []


def test_a_key_that_was_used_under_former_names_is_used(renamed: Any) -> None:
    app, (placed, paid, *_), first = renamed

    again = app.dispatch(placed(mail="ada"), key="place")
    assert (again.replayed, again.id) == (True, first)
    assert {change.model.__name__ for change in again.changes} == {"OrderPlaced", "Purchase"}  # no Gift
    assert app.dispatch(paid(purchase_id=first, payer="bob"), key="pay").replayed
    with pytest.raises(ConflictingKey, match="its content differs"):
        app.dispatch(placed(mail="ada", note="in a hurry"), key="place")
    with pytest.raises(ConflictingKey, match="its content differs"):
        app.dispatch(paid(purchase_id=first, payer="eve"), key="pay")
    assert app.verify() == []


def refund(name: str, *further: type[Event]) -> tuple[list[Any], Activity]:
    class Asked(Event, table=True):
        what: str = ""

    def step(called: str, former: str | None = None) -> Any:
        said = {"__renamed__": Renamed(former)} if former else {}
        key = {"asked_id": Field(foreign_key="asked.id"), "__annotations__": {"asked_id": UUID}}
        namespace = {"__module__": __name__, "__qualname__": called} | said | key
        return type(Event)(called, (Event,), namespace, table=True)

    approved = step(name, None if name == "Approved" else "Approved")
    told, refused = step("Told"), step("Turned")
    activity = Activity(Asked, any_of(refused, (approved, told)), name="refund")
    return [Asked, approved, told, refused], activity


def test_an_activity_goes_on_with_events_under_former_names(database_url: str) -> None:
    (asked, approved, *others), activity = refund("Approved")
    app = App([[asked, approved, *others, activity]], database=database_url)
    app.create()
    first = app.dispatch(asked()).id
    app.dispatch(approved(asked_id=first))
    app.close()

    (asked, okayed, told, refused), activity = refund("Okayed")
    app = App([[asked, okayed, told, refused, activity]], database=database_url)
    assert app.migrate() == []
    assert str(app.activity(activity, first)) == "refund: Asked, Okayed happened; next Told"
    app.dispatch(told(asked_id=first))
    assert app.activity(activity, first).is_done
    assert app.verify() == []
    app.close()


@pytest.mark.parametrize("by_migration", [False, True])
def test_an_activity_beside_others_begins_with_the_events_that_are_there(
    database_url: str, by_migration: bool
) -> None:
    (asked, approved, told, refused), activity = refund("Approved")
    short = Activity(asked, told, name="short")
    app = App([[asked, approved, told, refused, short]], database=database_url)
    app.create()
    first, second = app.dispatch(asked()).id, app.dispatch(asked()).id
    app.dispatch(approved(asked_id=second))
    app.close()

    (asked, approved, told, refused), activity = refund("Approved")
    short = Activity(asked, told, name="short")
    app = App([[asked, approved, told, refused, short, activity]], database=database_url)
    if by_migration:
        assert app.migrate() == []
    app.create()
    assert app.activity(activity, first).happened == (asked,)
    app.dispatch(told(asked_id=second))
    assert [app.activity(one, second).is_done for one in (activity, short)] == [True, True]
    assert app.verify() == []
    app.close()
