"""Whoever works for all tenants does it for each of them within that tenant."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import select

from framework import IntegrationEvent, current_tenant, tenant
from framework.app import App
from framework.clock import ManualClock
from framework.integration import Completed, ExternalId, Policy
from framework.integration.addressees import SeveralAddressees, UnknownAddressee
from framework.integration.letterbox import WrongAddress
from framework.integration.signature import InvalidSignature
from framework.tenancy import NoTenant, UnknownTenant
from framework.testing import deliver
from tests.tenancy.till import NOON, Charge, Heard, Order, Paper, Placed, Till, open_till

pytestmark = pytest.mark.anyio

ID = UUID(int=7)
SIGNED = {"signature": "s"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def place(app: App, name: str, cents: int, id: UUID = ID) -> None:
    with tenant(name):
        app.dispatch(Placed(id=id, cents=cents))


def states(app: App) -> dict[str, list[str]]:
    found = {}
    for name in app.tenants():
        with tenant(name):
            found[name] = app.query(select(Order.state))
            assert app.verify() == []
    return found


def said(app: App, body: dict[str, str], to: str | None = None, **headers: str) -> None:
    deliver(app, "till", "events", json.dumps(body).encode(), SIGNED | headers, tenant=to)


async def test_a_call_is_carried_out_within_its_tenant(database_url: str) -> None:
    till = Till(at_once=True)
    app = open_till(database_url, till)
    place(app, "acme", 5)
    place(app, "bolt", 7)
    await app.settle()
    assert sorted(till.sent) == [("acme", 5), ("bolt", 7)]
    assert sorted(till.keys) == [f"till:acme:{ID}:0", f"till:bolt:{ID}:0"]
    assert states(app) == {"acme": ["paid"], "bolt": ["paid"]}
    for name in app.tenants():
        with tenant(name):
            assert [one.verb for one in app.attempts(ID)] == ["submit"]
            assert len(app.query(select(IntegrationEvent))) == 3
    app.close()


async def test_a_worker_that_is_started_within_a_tenant_works_for_all(database_url: str) -> None:
    till = Till(at_once=True)
    app = open_till(database_url, till)
    with tenant("acme"):
        async with app.working():
            place(app, "bolt", 7)
            place(app, "acme", 5)
            await app.settle()
    assert sorted(till.sent) == [("acme", 5), ("bolt", 7)]
    assert sorted(till.told) == [("acme", "5"), ("bolt", "7")]
    app.close()


async def test_side_effects_happen_within_the_tenant_of_their_record(database_url: str) -> None:
    till = Till(at_once=True)
    app = open_till(database_url, till)
    for n, name in enumerate(("acme", "bolt", "acme")):
        place(app, name, n + 1, UUID(int=n))
    await app.settle()
    assert sorted(till.told) == [("acme", "1"), ("acme", "3"), ("bolt", "2")]
    app.close()


async def test_what_was_left_is_taken_up_for_all_tenants(database_url: str, clock: ManualClock) -> None:
    first = open_till(database_url, Till(), clock)
    place(first, "acme", 5)
    place(first, "bolt", 7)
    first.close()
    till = Till(at_once=True)
    app = open_till(database_url, till, clock)
    await app.settle()
    assert sorted(till.sent) == [("acme", 5), ("bolt", 7)]
    assert sorted(till.told) == [("acme", "5"), ("bolt", "7")]
    app.close()


async def test_polls_ask_about_each_tenants_calls(database_url: str, clock: ManualClock) -> None:
    till = Till(polls=True)
    app = open_till(database_url, till, clock)
    place(app, "acme", 5)
    place(app, "bolt", 7)
    await app.settle()
    assert states(app) == {"acme": ["due"], "bolt": ["due"]}
    clock.advance(timedelta(minutes=5))
    await app.settle()
    assert sorted(till.polled) == ["acme", "bolt"]
    assert states(app) == {"acme": ["paid"], "bolt": ["paid"]}
    app.close()


async def test_deadlines_turn_with_each_tenant(database_url: str, clock: ManualClock) -> None:
    app = open_till(database_url, Till(), clock)
    place(app, "acme", 5)
    clock.advance(timedelta(minutes=30))
    place(app, "bolt", 7)

    def late() -> list[bool]:
        found = []
        for name in app.tenants():
            with tenant(name):
                found.append(app.get(Order, ID).late)
        return found

    clock.advance(timedelta(minutes=31))
    with tenant("bolt"):
        assert app.tick() == 0
    assert late() == [False, False]
    await app.settle()
    assert late() == [True, False]
    clock.advance(timedelta(minutes=31))
    assert app.tick() == 1
    assert late() == [True, True]
    app.close()


async def test_nobody_waits_behind_the_many_calls_of_another_tenant(database_url: str) -> None:
    till = Till(at_once=True, policy=Policy(concurrency=2))
    app = open_till(database_url, till)
    for n in range(20):
        place(app, "acme", n + 1, UUID(int=n))
    place(app, "bolt", 99)
    await app.settle()
    assert len(till.sent) == 21
    assert ("bolt", 99) in till.sent[:5]
    app.close()


async def test_a_webhook_finds_the_tenant_by_the_external_id_of_its_call(database_url: str) -> None:
    app = open_till(database_url, Till())
    place(app, "acme", 5)
    place(app, "bolt", 7)
    await app.settle()
    said(app, {"id": "pi_7"})
    assert states(app) == {"acme": ["due"], "bolt": ["paid"]}
    app.close()


async def test_a_webhook_finds_the_tenant_by_the_reference_that_the_vendor_echoes(database_url: str) -> None:
    app = open_till(database_url, Till())
    place(app, "acme", 5, UUID(int=1))
    place(app, "bolt", 7, UUID(int=2))
    await app.settle()
    said(app, {"reference": str(UUID(int=2))})
    assert states(app) == {"acme": ["due"], "bolt": ["paid"]}
    app.close()


async def test_a_webhook_about_a_call_that_nobody_has_is_not_taken(database_url: str) -> None:
    app = open_till(database_url, Till())
    place(app, "acme", 5)
    await app.settle()
    with pytest.raises(UnknownAddressee, match=r"pi_6.*no tenant is known to have yet"):
        said(app, {"id": "pi_6"})
    assert states(app) == {"acme": ["due"], "bolt": []}
    app.close()


async def test_where_two_tenants_have_it_an_address_of_its_own_tells_them_apart(database_url: str) -> None:
    app = open_till(database_url, Till())
    place(app, "acme", 5)
    place(app, "bolt", 5)
    await app.settle()
    with pytest.raises(SeveralAddressees, match="which several tenants have"):
        said(app, {"id": "pi_5"})
    assert states(app) == {"acme": ["due"], "bolt": ["due"]}
    said(app, {"id": "pi_5"}, to="bolt")
    assert states(app) == {"acme": ["due"], "bolt": ["paid"]}
    app.close()


async def test_what_comes_to_the_address_of_a_tenant_stays_there(database_url: str) -> None:
    app = open_till(database_url, Till())
    place(app, "acme", 5)
    await app.settle()
    said(app, {"id": "pi_5"}, to="bolt")
    assert states(app) == {"acme": ["due"], "bolt": []}
    with tenant("bolt"):
        assert app.query(select(IntegrationEvent.standing)) == ["orphan"]
    with pytest.raises(UnknownTenant):
        said(app, {"id": "pi_5"}, to="acne")
    app.close()


async def test_a_secret_may_be_the_tenants_own(database_url: str) -> None:
    till = Till(secret=lambda: f"secret of {current_tenant()}")
    app = open_till(database_url, till)
    place(app, "acme", 5)
    await app.settle()
    with pytest.raises(InvalidSignature):
        said(app, {"id": "pi_5"}, to="acme", signature="secret of bolt")
    said(app, {"id": "pi_5"}, to="acme", signature="secret of acme")
    assert states(app) == {"acme": ["paid"], "bolt": []}
    app.close()


async def test_an_integration_may_say_whose_a_delivery_is(database_url: str) -> None:
    app = open_till(database_url, Till(tenant=lambda delivery: delivery.json().get("account")))
    said(app, {"heard": "a", "account": "bolt"})
    said(app, {"heard": "b"}, to="acme")
    with pytest.raises(WrongAddress, match="'acme' and says that it is for 'bolt'"):
        said(app, {"heard": "c", "account": "bolt"}, to="acme")
    with pytest.raises(UnknownTenant):
        said(app, {"heard": "d", "account": "acne"})
    with tenant("acme"):
        assert app.query(select(Heard.what)) == ["b"]
    with tenant("bolt"):
        assert app.query(select(Heard.what)) == ["a"]
    app.close()


async def test_an_event_of_nobody_is_not_taken(database_url: str) -> None:
    app = open_till(database_url, Till())
    with pytest.raises(NoTenant):
        said(app, {"heard": "a"})
    app.close()


async def test_a_reconciled_outcome_goes_to_the_tenant_of_its_call(
    database_url: str, clock: ManualClock
) -> None:
    till = Till()
    app = open_till(database_url, till, clock)
    place(app, "acme", 5)
    place(app, "bolt", 7)
    await app.settle()
    till.listed = [
        Completed(Paper(url="listed"), external_id=ExternalId("pi_7")),
        Completed(Paper(url="listed"), external_id=ExternalId("pi_of_somebody_else")),
    ]
    clock.advance(timedelta(minutes=10))
    await app.settle()
    assert states(app) == {"acme": ["due"], "bolt": ["paid"]}
    with tenant("acme"):
        assert "pi_of_somebody_else" not in app.query(select(IntegrationEvent.external_id))
    app.close()


async def test_health_is_that_of_a_tenant_or_of_all(database_url: str) -> None:
    app = open_till(database_url, Till())
    place(app, "acme", 5)
    place(app, "bolt", 7, UUID(int=8))
    place(app, "bolt", 9, UUID(int=9))
    assert [one.due for one in app.health()] == [3]
    with tenant("acme"):
        assert [one.due for one in app.health()] == [1]
        assert app.dead_calls() == []
    app.close()


async def test_a_user_withdraws_a_call_of_its_own_tenant(database_url: str) -> None:
    app = open_till(database_url, Till())
    place(app, "acme", 5)
    place(app, "bolt", 7)
    with tenant("acme"):
        await app.cancel(app.get(Charge, ID))
    assert states(app) == {"acme": ["refused"], "bolt": ["due"]}
    app.close()
