"""Each of several tenants, who act at random and in turn, lives as if it were alone.

All of them use the same ids, the same keys and the same external ids. Beside the App that they share, each
has an App without tenants, on a database of its own, where nobody else is. Whatever a tenant is answered,
and whatever it can see, must be the same in both.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func
from sqlmodel import select

from framework import IntegrationEvent, tenant
from framework.app import App
from framework.clock import ManualClock
from framework.errors import DispatchError
from framework.integration.ingest import Source, ingest
from framework.integration.outcomes import Completed, ExternalId, Failed
from framework.tenancy import within
from tests.engine.shop import (
    MODULE,
    RECORDS,
    Charge,
    Customer,
    Item,
    Order,
    OrderReopened,
    OrderShut,
    Paper,
    ParcelSent,
    Totals,
    cashier,
)
from tests.soak import examples
from tests.tenancy.conftest import REQUIRED

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODELS: list[Any] = [*RECORDS, IntegrationEvent]
NAMED_HERE = (Customer, Order, Item, Totals)
"""What has ids that the tenants choose; other ids are new in each world."""

_numbers = count(1)


@dataclass(frozen=True)
class World:
    """An App, and who acts in it."""

    app: App
    name: str | None

    def act(self, act: "Act") -> object:
        """What the tenant is answered."""
        with within(self.name):
            try:
                return VERBS[act.verb](self.app, act)
            except DispatchError as error:
                return type(error).__name__

    def seen(self) -> dict[str, object]:
        """All that the tenant can see."""
        with within(self.name):
            assert self.app.verify() == []
            seen: dict[str, object] = {
                model.__name__: sorted((shown(one) for one in self.app.query(select(model))), key=repr)
                for model in MODELS
            }
            for order in self.app.query(select(Order.id)):
                seen[f"moves of {order}"] = [
                    [one.what for one in self.app.explain(Order, machine, order).inputs]
                    for machine in ("progress", "payment", "wear")
                ]
            return seen


@dataclass(frozen=True)
class Act:
    """Something that a tenant does: `n` and `m` choose records, `k` a value."""

    who: int
    verb: str
    n: int
    m: int
    k: int


def shown(record: Any) -> dict[str, object]:
    row = {name: getattr(record, name) for name in (*type(record).__facts__, *type(record).__computed__)}
    if not isinstance(record, NAMED_HERE):
        del row["id"]
    for name in ("call_id", "entity_id", "dedupe_key"):
        row.pop(name, None)
    return row


def some(n: int) -> UUID:
    return UUID(int=n + 1)


def adding(app: App, record: Any) -> None:
    with app.transaction() as tx:
        tx.add(record)


def updating(app: App, model: Any, n: int, **facts: Any) -> None:
    with app.transaction() as tx:
        tx.update(model, some(n), **facts)


def deleting(app: App, model: Any, n: int) -> None:
    with app.transaction() as tx:
        tx.delete(model, some(n))


def saying(app: App, outcome: Any, *, of_the_first: bool = False) -> object:
    desk = app.desks[app.plan.shape(Charge)]
    calls = app.query(select(Charge).order_by(Charge.created_at)) if of_the_first else []  # type: ignore[arg-type]
    if of_the_first and not calls:
        return None
    call = next((one for one in calls if one.external_id is None), None)
    return app.engine.write(
        lambda tx: ingest(tx, desk, Source.WEBHOOK, outcome, call_id=None if call is None else call.id)
    )


VERBS: dict[str, Callable[[App, Act], object]] = {
    "customer": lambda app, a: adding(app, Customer(id=some(a.n), name=f"c{a.k}")),
    "order": lambda app, a: adding(
        app, Order(id=some(a.n), customer_id=some(a.m) if a.k else None, cents=a.k, note=f"o{a.k}")
    ),
    "item": lambda app, a: adding(
        app, Item(id=some(a.n), order_id=some(a.m), price=a.k, paid=a.k > 2, name=f"i{a.k}")
    ),
    "move": lambda app, a: updating(app, Item, a.n, order_id=some(a.m)),
    "price": lambda app, a: updating(app, Item, a.n, price=a.k),
    "rename": lambda app, a: updating(app, Customer, a.n, name=f"n{a.k}"),
    "limit": lambda app, a: updating(app, Order, a.n, customer_id=some(a.m)),
    "drop item": lambda app, a: deleting(app, Item, a.n),
    "drop order": lambda app, a: deleting(app, Order, a.n),
    "drop customer": lambda app, a: deleting(app, Customer, a.n),
    "motto": lambda app, a: updating(app, Totals, -1, motto=f"m{a.k}"),
    "parcel": lambda app, a: app.dispatch(ParcelSent(weight=a.n), key=f"k{a.k}").replayed,
    "shut": lambda app, a: len(app.dispatch(OrderShut(order_id=some(a.n))).changes),
    "reopen": lambda app, a: len(app.dispatch(OrderReopened(order_id=some(a.n))).changes),
    "submitted": lambda app, a: saying(app, ExternalId(f"x{a.k}"), of_the_first=True),
    "completed": lambda app, a: saying(
        app, Completed(Paper(url=f"u{a.n}"), external_id=ExternalId(f"x{a.k}"))
    ),
    "failed": lambda app, a: saying(app, Failed("no", external_id=ExternalId(f"x{a.k}"))),
    "get": lambda app, a: shown(app.get((Customer, Order, Item)[a.k % 3], some(a.n))),
    "count": lambda app, a: [app.query(select(func.count()).select_from(model)) for model in MODELS],
    "tick": lambda app, a: app.tick(),
    "rebuild": lambda app, a: app.rebuild(),
    "dead": lambda app, a: len(app.dead_calls()),
}

ACTS = st.lists(
    st.builds(
        Act,
        who=st.integers(0, 2),
        verb=st.sampled_from(sorted(VERBS)),
        n=st.integers(0, 2),
        m=st.integers(0, 2),
        k=st.integers(0, 4),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def on_sqlite() -> Iterator[App]:
    app = App([MODULE], [cashier()], settings=REQUIRED, clock=ManualClock(NOW))
    app.create()
    yield app
    app.close()


@pytest.fixture
def on_postgres(plain_url: str) -> Iterator[App]:
    app = App([MODULE], [cashier()], plain_url, settings=REQUIRED, clock=ManualClock(NOW))
    app.create()
    yield app
    app.close()


def lives(shared: App, acts: list[Act]) -> None:
    """All acts in their order, each in the world that is shared and in the one of its own."""
    names = [f"t{next(_numbers)}" for _ in range(3)]
    for name in names:
        shared.create_tenant(name)
    alone = [App([MODULE], [cashier()], clock=ManualClock(NOW)) for _ in names]
    for app in alone:
        app.create()
    for act in acts:
        answers = World(shared, names[act.who]).act(act), World(alone[act.who], None).act(act)
        assert answers[0] == answers[1], act
    for name, app in zip(names, alone, strict=True):
        assert World(shared, name).seen() == World(app, None).seen()
        app.close()


@given(ACTS)
@examples(8, soak=150)
def test_on_sqlite_each_tenant_lives_as_if_it_were_alone(on_sqlite: App, acts: list[Act]) -> None:
    lives(on_sqlite, acts)


@given(ACTS)
@examples(5, soak=100)
def test_on_postgresql_each_tenant_lives_as_if_it_were_alone(on_postgres: App, acts: list[Act]) -> None:
    lives(on_postgres, acts)


def test_a_long_day_of_three_tenants(database_url: str) -> None:
    """The same with so many acts that most of them find something to act on."""
    app = App([MODULE], [cashier()], database_url, settings=REQUIRED, clock=ManualClock(NOW))
    app.create()
    random = Random(20)
    verbs = sorted(VERBS)
    lives(
        app,
        [
            Act(random.randrange(3), random.choice(verbs), *(random.randrange(top) for top in (3, 3, 5)))
            for _ in range(150)
        ],
    )
    app.close()


def test_tenants_beside_each_other_lose_nothing(on_postgres: App) -> None:
    """Nine threads, three of each tenant, on rows of the same ids."""
    names = [f"t{next(_numbers)}" for _ in range(3)]
    failures: list[Exception] = []
    for name in names:
        on_postgres.create_tenant(name)
        with tenant(name):
            adding(on_postgres, Order(id=some(0)))

    def sell(number: int) -> None:
        try:
            with tenant(names[number % 3]):
                for n in range(6):
                    on_postgres.engine.write(
                        lambda tx, n=n: tx.add(Item(order_id=some(0), price=n + number % 3))  # type: ignore[misc]
                    )
        except Exception as error:  # noqa: BLE001  # the test asks for it
            failures.append(error)

    threads = [threading.Thread(target=sell, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for number, name in enumerate(names):
        with tenant(name):
            order = on_postgres.get(Order, some(0))
            assert (order.count, order.total) == (18, 3 * (15 + 6 * number))
            assert on_postgres.get(Totals).revenue == order.total
            assert on_postgres.verify() == []
