"""What states have given is computed for what has happened, where the cause alone says it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel import select

from framework import (
    APICall,
    Entity,
    Event,
    Field,
    Global,
    OnEntry,
    Payload,
    Retention,
    StateMachine,
    Sum,
    Transition,
    became,
    completed,
    computed,
    derive,
    on,
)
from framework.app import App
from framework.testing import emit


class Status(StrEnum):
    OPEN = "open"
    PAID = "paid"


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


def shop(**properties: Any) -> list[Any]:
    """Orders that are paid and opened again, with these properties beside the machine."""

    class Paid(Event, table=True):
        order_id: UUID = Field(foreign_key="order.id")
        cents: int
        by: str

    class Opened(Event, table=True):
        order_id: UUID = Field(foreign_key="order.id")

    annotations = {"status": Status} | {name: kind for name, (kind, _) in properties.items()}
    status = computed(
        StateMachine(
            Status.OPEN,
            Transition(Status.OPEN, Status.PAID, when=on(Paid)),
            Transition(Status.PAID, Status.OPEN, when=on(Opened)),
        )
    )
    made = {name: computed(make(status, Paid)) for name, (_, make) in properties.items()}
    namespace = {"__annotations__": annotations, "__module__": __name__, "__qualname__": "Order"}
    order: Any = type(Entity)("Order", (Entity,), {**namespace, "status": status, **made}, table=True)
    return [order, Paid, Opened]


def on_paid(of: Any, **options: Any) -> Any:
    return lambda status, paid: OnEntry(status, Status.PAID, of, **options)


def history(url: str, **properties: Any) -> list[UUID]:
    """Orders of which one was paid twice, one once, and one never."""
    module = shop(**properties)
    order, paid, opened = module
    app = App([module], database=url)
    app.create()
    with app.transaction() as tx:
        ids = [tx.add(order()).id for _ in range(3)]
    app.dispatch(paid(order_id=ids[0], cents=5, by="ada"))
    app.dispatch(opened(order_id=ids[0]))
    app.dispatch(paid(order_id=ids[0], cents=8, by="bob"))
    app.dispatch(paid(order_id=ids[1], cents=30, by="cleo"))
    app.close()
    return ids


def values(app: App, model: Any, ids: list[UUID], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(app.get(model, id), name) for name in names) for id in ids]


def test_a_value_that_is_new_is_computed_of_every_entry_and_one_that_changes_anew(database_url: str) -> None:
    ids = history(database_url)
    by = (str | None, on_paid(lambda order, paid: paid.by))
    cents = (int, on_paid(lambda order, paid: paid.cents, initial=0))
    times = (int, on_paid(lambda order, paid: order.times + 1, initial=0))
    module = shop(by=by, cents=cents, times=times)
    app = App([module], database=database_url)
    assert str(app.migration()).splitlines() == [
        "Order.by: a new property",
        "Order.cents: a new property",
        "Order.times: a new property, from the next entry on: it reads more than what made the machine move",
    ]
    assert app.migrate() == []
    names = ("status", "by", "cents", "times")
    expected = [(Status.PAID, "bob", 8, 0), (Status.PAID, "cleo", 30, 0), (Status.OPEN, None, 0, 0)]
    assert values(app, module[0], ids, *names) == expected
    assert app.verify() == []
    app.dispatch(module[2](order_id=ids[1]))
    app.dispatch(module[1](order_id=ids[1], cents=1, by="eve"))
    assert values(app, module[0], ids[1:2], *names) == [(Status.PAID, "eve", 1, 1)]
    app.close()

    loud = (str | None, on_paid(lambda order, paid: paid.by.upper()))
    twice = (int, on_paid(lambda order, paid: order.times + 2, initial=0))
    module = shop(by=loud, cents=cents, times=twice)
    app = App([module], database=database_url)
    assert str(app.migration()).splitlines() == [
        "Order.by: is computed otherwise",
        "Order.times: is computed otherwise, from the next entry on: it reads more than what made the "
        "machine move",
    ]
    assert app.migrate() == []
    assert values(app, module[0], ids, *names) == [
        (Status.PAID, "BOB", 8, 0),
        (Status.PAID, "EVE", 1, 1),
        (Status.OPEN, None, 0, 0),
    ]
    assert app.verify() == []
    app.close()


def test_what_reads_a_value_on_entry_follows_it(database_url: str) -> None:
    ids = history(database_url)
    module = shop(cents=(int, on_paid(lambda order, paid: paid.cents, initial=0)))
    order = module[0]

    class Totals(Global, table=True):
        cents: int = computed(Sum(order, lambda one: one.cents))

    app = App([[*module, Totals]], database=database_url)
    assert app.migrate() == []
    assert (app.get(Totals).cents, app.verify()) == (38, [])
    assert values(app, order, ids, "cents") == [(8,), (30,), (0,)]
    app.close()


def test_what_an_entry_gave_stays_if_its_cause_is_gone(database_url: str) -> None:
    by = (str | None, on_paid(lambda order, paid: paid.by))
    ids = history(database_url, by=by)
    module = shop(by=by)
    app = App([[*module, Retention(module[1], cap=1)]], database=database_url)
    app.migrate()
    assert [one.removed for one in app.sweep()] == [2]
    app.close()
    module = shop(by=(str | None, on_paid(lambda order, paid: paid.by.upper())))
    app = App([module], database=database_url)
    assert app.migrate() == []
    assert values(app, module[0], ids, "by") == [("bob",), ("CLEO",), (None,)]
    assert app.verify() == []
    app.close()


def test_the_end_of_a_call_gives_its_values_too(database_url: str) -> None:
    class Amount(Payload):
        cents: int

    def declared(**more: Any) -> list[Any]:
        class Charge(APICall, table=True):
            order_id: UUID = Field(foreign_key="order.id")
            request: Amount
            result: Amount | None = None

        annotations = {"status": Status} | {name: kind for name, (kind, _) in more.items()}
        status = computed(
            StateMachine(Status.OPEN, Transition(Status.OPEN, Status.PAID, when=completed(Charge)))
        )
        made = {name: computed(make(status, Charge)) for name, (_, make) in more.items()}
        namespace = {"__annotations__": annotations, "__module__": __name__, "__qualname__": "Order"}
        order: Any = type(Entity)("Order", (Entity,), {**namespace, "status": status, **made}, table=True)

        def charge(source: Any) -> Any:
            return Charge(order_id=source.id, request=Amount(cents=7))

        charge.__annotations__ = {"source": order, "return": Charge}
        return [order, Charge, derive(charge)]

    module = declared()
    app = App([module], database=database_url)
    app.create()
    with app.transaction() as tx:
        ids = [tx.add(module[0]()).id for _ in range(2)]
    (first,) = (one for one in app.query(select(module[1])) if one.order_id == ids[0])
    emit(app, first, "completed", result=Amount(cents=6))
    app.close()
    module = declared(cents=(int | None, on_paid(lambda order, charge: charge.result.cents)))
    app = App([module], database=database_url)
    assert app.migrate() == []
    assert values(app, module[0], ids, "status", "cents") == [(Status.PAID, 6), (Status.OPEN, None)]
    assert app.verify() == []
    app.close()


def test_a_machine_that_is_new_is_moved_through_its_guards_and_gives_its_values(database_url: str) -> None:
    ids = history(database_url)
    module = shop()
    paid: Any = module[1]

    class Order(Entity, table=True):
        status: Status = computed(
            StateMachine(
                Status.OPEN,
                Transition(Status.OPEN, Status.PAID, when=on(paid)),
                Transition(Status.PAID, Status.OPEN, when=on(module[2])),
            )
        )
        size: Size = computed(
            StateMachine(
                Size.SMALL,
                Transition(Size.SMALL, Size.LARGE, when=on(paid), guard=lambda order, one: one.cents > 6),
            )
        )
        by: str | None = computed(OnEntry(size, Size.LARGE, lambda order, one: one.by))

    app = App([[Order, paid, module[2]]], database=database_url)
    assert str(app.migration()).splitlines() == [
        "Order.size: a new state machine, moved by what has happened",
        "Order.by: a new property",
    ]
    assert app.migrate() == []
    assert values(app, Order, ids, "size", "by") == [
        (Size.LARGE, "bob"),
        (Size.LARGE, "cleo"),
        (Size.SMALL, None),
    ]
    assert [(one.trigger, one.count) for one in app.unmatched(Order, "size")] == [("Paid created", 1)]
    assert app.verify() == []
    app.close()


def test_what_an_entry_gave_stays_where_the_machine_waits_for_something_else(database_url: str) -> None:
    def sale(now: Any) -> list[Any]:
        class Paid(Event, table=True):
            sale_id: UUID = Field(foreign_key="sale.id")
            by: str

        class Opened(Event, table=True):
            sale_id: UUID = Field(foreign_key="sale.id")

        class Sale(Entity, table=True):
            doubtful: bool = False
            status: Status = computed(
                StateMachine(
                    Status.OPEN,
                    Transition(Status.OPEN, Status.PAID, when=on(Paid)),
                    Transition(Status.PAID, Status.OPEN, when=now or on(Opened)),
                )
            )
            payer: str | None = computed(OnEntry(status, Status.PAID, lambda sale, paid: paid.by))
            at: datetime | None = computed(OnEntry(status, Status.PAID, lambda sale, paid: paid.at))
            times: int = computed(OnEntry(status, Status.PAID, lambda sale, _: sale.times + 1, initial=0))

        return [Sale, Paid, Opened]

    module = sale(None)
    model, paid, opened = module
    app = App([module], database=database_url)
    app.create()
    with app.transaction() as tx:
        ids = [tx.add(model()).id for _ in range(3)]
    app.dispatch(paid(sale_id=ids[0], by="ada"))
    app.dispatch(opened(sale_id=ids[0]))
    app.dispatch(paid(sale_id=ids[1], by="bob"))
    before = values(app, model, ids, "status", "payer", "at", "times")
    app.close()

    module = sale(became("doubtful", True))
    model, paid, _ = module
    app = App([module], database=database_url)
    assert app.migrate() == []
    assert values(app, model, ids, "status", "payer", "at", "times") == before
    assert [(status, payer, times) for status, payer, _, times in before] == [
        (Status.OPEN, "ada", 1),
        (Status.PAID, "bob", 1),
        (Status.OPEN, None, 0),
    ]
    assert app.rebuild() == []
    with app.transaction() as tx:
        tx.update(model, ids[1], doubtful=True)
    for id in ids[:2]:
        app.dispatch(paid(sale_id=id, by="eve"))
    assert values(app, model, ids[:2], "status", "payer", "times") == [(Status.PAID, "eve", 2)] * 2
    assert app.verify() == []
    app.close()
