"""Each of several tenants, who act at random and in turn, lives as if it were alone.

All of them use the same ids, the same keys and the same external ids. Beside the App that they share, each
has an App without tenants, on a database of its own, where nobody else is. Whatever a tenant is answered,
and whatever it can see, must be the same in both.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func
from sqlmodel import col, select

from framework import IntegrationEvent, tenant
from framework.app import App
from framework.clock import ManualClock
from framework.errors import DispatchError
from framework.integration.ingest import Source, ingest
from framework.integration.outcomes import Completed, ExternalId, Failed
from framework.tenancy import within
from framework.testing import emit
from tests.engine import bank, shop
from tests.engine.bank import (
    Account,
    Booking,
    Branch,
    Frozen,
    Holiday,
    House,
    Letter,
    Loan,
    Terms,
    Transferred,
)
from tests.engine.shop import (
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

_numbers = count(1)


@dataclass(frozen=True)
class Place:
    """What is declared, and what can be done there."""

    module: list[Any]
    models: list[Any]
    named: tuple[type[Any], ...]
    """What has ids that the tenants choose; other ids are new in each world."""
    machines: tuple[type[Any], tuple[str, ...]]
    verbs: Mapping[str, Callable[[App, "Act"], object]]
    begins: "Sequence[Act]" = ()
    """What every tenant does before all else."""

    def app(self, url: str = "sqlite:///:memory:", **settings: Any) -> App:
        app = App(
            [self.module],
            [cashier()] if Charge in self.models else [],
            url,
            clock=ManualClock(NOW),
            **settings,
        )
        app.create()
        return app

    def shown(self, record: Any) -> dict[str, object]:
        row = {name: getattr(record, name) for name in (*type(record).__facts__, *type(record).__computed__)}
        if not isinstance(record, self.named):
            del row["id"]
        for name in ("call_id", "entity_id", "dedupe_key"):
            row.pop(name, None)
        return row

    @property
    def acts(self) -> "st.SearchStrategy[list[Act]]":
        numbers = {"n": st.integers(0, 2), "m": st.integers(0, 2), "k": st.integers(0, 4)}
        verbs = st.sampled_from(sorted(self.verbs))
        return st.lists(st.builds(Act, who=st.integers(0, 2), verb=verbs, **numbers), max_size=40)


@dataclass(frozen=True)
class World:
    """An App, and who acts in it."""

    place: Place
    app: App
    name: str | None

    def act(self, act: "Act") -> object:
        """What the tenant is answered."""
        with within(self.name):
            try:
                return self.place.verbs[act.verb](self.app, act)
            except DispatchError as error:
                return type(error).__name__

    def seen(self) -> dict[str, object]:
        """All that the tenant can see."""
        with within(self.name):
            assert self.app.verify() == []
            seen: dict[str, object] = {
                model.__name__: sorted(map(self.place.shown, self.app.query(select(model))), key=repr)
                for model in self.place.models
            }
            model, machines = self.place.machines
            for id in self.app.query(select(model.id)):
                seen[f"moves of {id}"] = [
                    [one.what for one in self.app.explain(model, machine, id).inputs] for machine in machines
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


AT_THE_SHOP: dict[str, Callable[[App, Act], object]] = {
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
    "get": lambda app, a: SHOP.shown(app.get((Customer, Order, Item)[a.k % 3], some(a.n))),
    "count": lambda app, a: [app.query(select(func.count()).select_from(model)) for model in SHOP.models],
    "tick": lambda app, a: app.tick(),
    "rebuild": lambda app, a: app.rebuild(),
    "dead": lambda app, a: len(app.dead_calls()),
}

SHOP = Place(
    shop.MODULE,
    [*shop.RECORDS, IntegrationEvent],
    (Customer, Order, Item, Totals),
    (Order, ("progress", "payment", "wear")),
    AT_THE_SHOP,
)


def opening(app: App, a: Act) -> object:
    """An account, at a branch that is there or not; and the number that comes after its own is kept back."""
    with app.transaction() as tx:
        branch = tx.ensure(Branch(id=some(a.m), name=f"b{a.m}")).id
        tx.add(Account(id=some(a.n), branch_id=branch, owner=WHO[a.k % 2], label=f"l{a.k % 3}"))
        return [*tx.reserve(Account, "number", 1, branch_id=branch)]


def transferring(app: App, a: Act) -> object:
    event = Transferred(source_id=some(a.n), target_id=some(a.m), cents=a.k + 1)
    return len(app.dispatch(event, actor=WHO[a.k % 3], context={"pin": "1234"}).changes)


def lending(app: App, a: Act) -> object:
    with app.transaction() as tx:
        tx.add(Loan(id=some(a.k), account_id=some(a.n), granted=a.m > 0))
        return tx.update_where(Loan, Loan.account_id == some(a.m), granted=a.k > 2)


def freezing(app: App, a: Act) -> object:
    with app.transaction() as tx:
        return tx.update_where(Account, Account.owner == WHO[a.n % 2], frozen=a.k > 1)


def answering(app: App, a: Act) -> object:
    (letter,) = app.query(select(Letter).where(Letter.account_id == some(a.n))) or [None]
    return letter and emit(app, letter, "completed" if a.k else "failed", external_id=f"x{a.n}")


def looking(app: App, a: Act) -> object:
    reader: Any = {"actor": WHO[a.k % 3], "context": {"audit": a.n > 1}}
    return [
        sorted(app.query(statement, **reader))
        for statement in (select(Account.number), select(Booking.cents), select(func.count(col(Frozen.id))))
    ]


WHO = ("ada", "bob", "staff")
BANK = Place(
    bank.MODULE,
    [*bank.RECORDS, IntegrationEvent],
    (Branch, Account, Loan, House),
    (Account, ("standing", "role", "credit", "contract")),
    {
        "open": opening,
        "transfer": transferring,
        "lend": lending,
        "freeze": freezing,
        "answer": answering,
        "look": looking,
        "holiday": lambda app, a: app.dispatch(Holiday(name="may"), key=f"k{a.k}").replayed,
        "revise": lambda app, a: updating(app, Account, a.n, terms=Terms(rate=a.k), tags=["t"] * a.m),
        "drop": lambda app, a: deleting(app, Account, a.n) if a.k == 0 else None,
        "rebuild": lambda app, a: app.rebuild(),
    },
    begins=[Act(0, "open", number, number % 2, number) for number in range(3)],
)


@pytest.fixture(scope="module", params=[SHOP, BANK], ids=["shop", "bank"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.param
    return found


@pytest.fixture(scope="module")
def on_sqlite(place: Place) -> Iterator[App]:
    app = place.app(settings=REQUIRED)
    yield app
    app.close()


@pytest.fixture
def on_postgres(place: Place, plain_url: str) -> Iterator[App]:
    app = place.app(plain_url, settings=REQUIRED)
    yield app
    app.close()


def lives(place: Place, shared: App, acts: list[Act]) -> None:
    """All acts in their order, each in the world that is shared and in the one of its own."""
    names = [f"t{next(_numbers)}" for _ in range(3)]
    for name in names:
        shared.create_tenant(name)
    alone = [place.app() for _ in names]
    begins = [replace(act, who=who) for act in place.begins for who in range(3)]
    for act in (*begins, *acts):
        answers = World(place, shared, names[act.who]).act(act), World(place, alone[act.who], None).act(act)
        assert answers[0] == answers[1], act
    for name, app in zip(names, alone, strict=True):
        assert World(place, shared, name).seen() == World(place, app, None).seen()
        app.close()


@given(drawn=st.data())
@examples(6, soak=150)
def test_on_sqlite_each_tenant_lives_as_if_it_were_alone(
    place: Place, on_sqlite: App, drawn: st.DataObject
) -> None:
    lives(place, on_sqlite, drawn.draw(place.acts))


@given(drawn=st.data())
@examples(4, soak=100)
def test_on_postgresql_each_tenant_lives_as_if_it_were_alone(
    place: Place, on_postgres: App, drawn: st.DataObject
) -> None:
    lives(place, on_postgres, drawn.draw(place.acts))


def test_a_long_day_of_three_tenants(place: Place, database_url: str) -> None:
    """The same with so many acts that most of them find something to act on."""
    app = place.app(database_url, settings=REQUIRED)
    random = Random(20)
    verbs = sorted(place.verbs)
    acts = [
        Act(random.randrange(3), random.choice(verbs), *(random.randrange(top) for top in (3, 3, 5)))
        for _ in range(150)
    ]
    lives(place, app, acts)
    app.close()


def test_tenants_beside_each_other_lose_nothing(plain_url: str) -> None:
    """Nine threads, three of each tenant, on rows of the same ids."""
    app = SHOP.app(plain_url, settings=REQUIRED)
    names = [f"t{next(_numbers)}" for _ in range(3)]
    failures: list[Exception] = []
    for name in names:
        app.create_tenant(name)
        with tenant(name):
            adding(app, Order(id=some(0)))

    def sell(number: int) -> None:
        try:
            with tenant(names[number % 3]):
                for n in range(6):
                    app.engine.write(
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
            order = app.get(Order, some(0))
            assert (order.count, order.total) == (18, 3 * (15 + 6 * number))
            assert app.get(Totals).revenue == order.total
            assert app.verify() == []
    app.close()
