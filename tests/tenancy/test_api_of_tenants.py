"""Over HTTP, who somebody is says whose data they get; what they say of it is compared, and not believed."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from framework import tenant
from framework.app import App, Settings
from framework.errors import DeclarationError
from tests.tenancy.till import MODULE, Charge, Placed, Till, open_till

pytestmark = pytest.mark.anyio

ID = UUID(int=7)
TENANT_OF = {"ada": "acme", "bob": "bolt", "eve": None, "zoe": "acne"}


def who(request: Any) -> str | None:
    name: str | None = request.headers.get("x-user")
    return name


@pytest.fixture
async def app() -> AsyncIterator[App]:
    app = open_till("sqlite:///:memory:", Till(polls=True), authorize=who, tenant_of=TENANT_OF.get)
    for n, name in enumerate(("acme", "bolt")):
        with tenant(name):
            app.dispatch(Placed(id=ID, cents=n + 1))
    with tenant("acme"):
        await app.cancel(app.get(Charge, ID))
    yield app
    app.close()


def browser(app: App, **headers: str) -> httpx.AsyncClient:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(app.asgi)
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example", headers=sent)


async def test_a_user_sees_the_calls_of_their_own_tenant(app: App) -> None:
    for user, status in (("ada", "failed"), ("bob", "pending")):
        async with browser(app, x_user=user) as client:
            answer = await client.get(f"/api/calls/{ID}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)


async def test_a_user_withdraws_the_call_of_their_own_tenant(app: App) -> None:
    async with browser(app, x_user="bob", x_tenant_id="bolt") as client:
        assert (await client.post(f"/api/calls/{ID}/cancel")).status_code == 200
    with tenant("bolt"):
        assert app.get(Charge, ID).status == "failed"


async def test_a_header_that_names_another_tenant_is_refused(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    async with browser(app, x_user="ada", x_tenant_id="bolt") as client:
        answer = await client.get(f"/api/calls/{ID}")
    assert answer.status_code == 403
    assert "You do not belong to the tenant" in answer.text
    assert "a tenant that is not theirs" in caplog.text


async def test_who_belongs_to_no_tenant_gets_nothing(app: App) -> None:
    async with browser(app, x_user="eve", x_tenant_id="acme") as client:
        assert (await client.get(f"/api/calls/{ID}")).status_code == 403
    async with browser(app, x_user="zoe") as client:
        assert (await client.get(f"/api/calls/{ID}")).status_code == 403


async def test_nobody_gets_anything_until_the_app_says_to_whom_they_belong() -> None:
    app = open_till("sqlite:///:memory:", Till(), authorize=who)
    async with browser(app, x_user="ada") as client:
        answer = await client.get(f"/api/calls/{ID}")
    assert (answer.status_code, "tenant_of" in answer.text) == (403, True)


async def test_a_vendor_delivers_to_the_address_of_a_tenant(app: App) -> None:
    body = json.dumps({"heard": "a"}).encode()
    async with browser(app, signature="s") as client:
        assert (await client.post("/tenants/acme/webhooks/till/events", content=body)).status_code == 200
        assert (await client.post("/tenants/acne/webhooks/till/events", content=body)).status_code == 404
        assert (await client.post("/tenants/a b/webhooks/till/events", content=body)).status_code == 404
        assert (await client.post("/webhooks/till/events", content=body)).status_code == 500
    async with browser(app, signature="no") as client:
        assert (await client.post("/tenants/acme/webhooks/till/events", content=body)).status_code == 401


async def test_health_needs_no_tenant(app: App) -> None:
    async with browser(app) as client:
        answer = await client.get("/health")
    assert answer.json()["integrations"][0]["due"] == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(tenancy="requried"), "it is 'required' or 'none'"),  # type: ignore[arg-type]
        (Settings(tenant_of=TENANT_OF.get), "records have no tenants"),
    ],
)
async def test_settings_that_cannot_be_are_refused(settings: Settings, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        App([MODULE], [Till().integration()], settings=settings)
