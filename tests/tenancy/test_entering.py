"""Which tenant is meant is said once, around all that is done for it."""

import asyncio
import threading
from typing import Any

import anyio.to_thread
import pytest
import structlog

from framework import current_tenant, tenant, tenant_key
from framework.app import App, Settings
from framework.tenancy import InvalidTenant, NoTenant, WithoutTenancy, nobody
from tests.engine.shop import MODULE, Customer, Totals, cashier


def test_a_tenant_is_entered_for_a_block() -> None:
    with tenant("acme") as name:
        assert (name, current_tenant()) == ("acme", "acme")
        with tenant("bolt"):
            assert current_tenant() == "bolt"
        assert current_tenant() == "acme"
    with pytest.raises(NoTenant):
        current_tenant()


def test_a_tenant_is_left_when_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), tenant("acme"):
        1 / 0  # noqa: B018
    with pytest.raises(NoTenant):
        current_tenant()


@pytest.mark.parametrize("name", ["a", "Acme", "acme-2", "018f3b2e-7c1d-7000", "acme.de", "a" * 63])
def test_these_are_names(name: str) -> None:
    with tenant(name):
        assert current_tenant() == name


@pytest.mark.parametrize("name", ["", "-a", "a b", "a:b", "a'b", "a,b", "é", "a\n", "a" * 64, None, 7])
def test_these_are_no_names(name: str) -> None:
    with pytest.raises(InvalidTenant, match="cannot be the name of a tenant"), tenant(name):
        pass


@pytest.mark.parametrize("name", [None, 7, "a b"])
def test_a_tenant_is_made_by_its_name(name: Any) -> None:
    app = App([MODULE], [cashier()], settings=Settings(tenancy="required"))
    app.create()
    with pytest.raises(InvalidTenant):
        app.create_tenant(name)
    assert app.tenants() == []
    app.close()


def test_a_key_of_a_cache_is_the_tenants_own() -> None:
    with tenant("acme"):
        assert tenant_key("prices:2026") == "tenant:acme:prices:2026"
    with pytest.raises(NoTenant):
        tenant_key("prices")
    with nobody(), pytest.raises(NoTenant):
        tenant_key("prices")


def test_a_tenant_goes_along_with_tasks_and_threads_and_no_further() -> None:
    async def within() -> tuple[str, str]:
        with tenant("acme"):
            task = asyncio.create_task(asyncio.to_thread(current_tenant))
            return await task, await anyio.to_thread.run_sync(current_tenant)

    async def beside() -> None:
        with pytest.raises(NoTenant):
            current_tenant()

    async def both() -> tuple[str, str]:
        found, _ = await asyncio.gather(within(), beside())
        return found

    assert asyncio.run(both()) == ("acme", "acme")


def test_lines_of_the_log_say_whose_they_are() -> None:
    with tenant("acme"):
        assert structlog.contextvars.get_contextvars() == {"tenant": "acme"}
    assert structlog.contextvars.get_contextvars() == {}


def test_without_tenancy_a_tenant_means_nothing(app_without: App) -> None:
    with tenant("acme"), app_without.transaction() as tx:
        tx.add(Customer(name="ada"))
    with tenant("bolt"):
        assert app_without.get(Totals).customers_total == 0
    assert app_without.verify() == []
    assert not any("tenant" in name for name in app_without.engine.database.present())
    with pytest.raises(WithoutTenancy, match='tenancy="required"'):
        app_without.create_tenant("acme")
    with pytest.raises(WithoutTenancy):
        app_without.tenants()


@pytest.fixture
def app_without() -> App:
    app = App([MODULE], [cashier()])
    app.create()
    return app


def test_a_tenant_is_made_by_many_at_once_and_is_one(database_url: str) -> None:
    app = App([MODULE], [cashier()], database_url, settings=Settings(tenancy="required"))
    app.create()
    threads = [threading.Thread(target=app.create_tenant, args=("acme",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert app.tenants() == ["acme"]
    with tenant("acme"):
        assert app.get(Totals).motto == "more"
        assert app.verify() == []
    app.close()
