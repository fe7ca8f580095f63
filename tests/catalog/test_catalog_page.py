"""The page about the catalog says what the code says, and its listings run."""

import re
from functools import partial

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from docs.examples.catalog import cataloged
from framework.app import App
from framework.catalog import Catalog, EntryConfig, Finding, Health, discover, records
from framework.integration.http import open_client
from tests.catalog.conftest import Internet
from tests.docs.page import DOCS, ROOT, Page, without_blank_lines

PAGE = Page(DOCS / "catalog.md")
PLUGINS = DOCS / "examples" / "catalog" / "plugins"


def test_a_listing_is_the_file_that_its_caption_names() -> None:
    assert len(PAGE.listings()) == 2
    for path, (block,) in PAGE.listings().items():
        assert without_blank_lines(block.text) == without_blank_lines((ROOT / path).read_text()), path


def test_the_page_names_every_plugin_with_its_options() -> None:
    rows = [
        [cell.strip() for cell in row.split("|")[1:-1]] for row in PAGE.text.splitlines() if row[:3] == "| `"
    ]
    described = {cells[0].strip("`"): cells[1:] for cells in rows}
    for plugin in discover():
        type_, _, options = described[plugin.provider]
        assert type_ == plugin.type.replace("_", " ")
        assert set(re.findall(r"`(\w+)`", options)) == {*plugin.required, *plugin.optional}


def test_the_page_names_every_health_and_every_event() -> None:
    assert {f"`{health}`" for health in Health} <= set(re.findall(r"`\w+`", PAGE.text))
    for event in records.Lifecycle.__args__:
        assert f"| `{event.__name__}` |" in PAGE.text


@pytest.mark.anyio
async def test_the_first_listing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name ends in `.invalid` (RFC 2606), so that Harbor is out of reach wherever this runs."""
    monkeypatch.chdir(ROOT)
    assert await cataloged.main() == {"images": Health.UNREACHABLE, "scratch": Health.HEALTHY}


def jenkins(quieting_down: bool) -> Starlette:
    async def whole(request: Request) -> Response:
        if "authorization" not in request.headers:
            return Response(status_code=403)
        return JSONResponse({"mode": "NORMAL", "quietingDown": quieting_down})

    async def job(request: Request) -> Response:
        return JSONResponse({}) if request.path_params["job"] == "shop" else Response(status_code=404)

    return Starlette(routes=[Route("/api/json", whole), Route("/job/{job}/api/json", job)])


@pytest.mark.anyio
async def test_the_plugin_of_the_page_works(app: App, internet: Internet, secret) -> None:
    catalog = Catalog(app, discover(PLUGINS), connect=partial(open_client, transport=internet))
    config = EntryConfig(
        base_url="https://ci.example.com", secret_ref=secret("a-token"), options={"job": "shop"}
    )
    entry = catalog.create("ci", "jenkins", config)
    assert (await catalog.check_health(entry.id)).health is Health.UNREACHABLE
    internet.hosts["ci.example.com"] = jenkins(quieting_down=False)
    assert (await catalog.check_health(entry.id)).health is Health.HEALTHY
    assert await catalog.test_connection(entry.id) == Finding(Health.HEALTHY, "Jenkins takes our token.")
    internet.hosts["ci.example.com"] = jenkins(quieting_down=True)
    assert (await catalog.check_health(entry.id)).health is Health.DEGRADED
    catalog.update(entry.id, config=config.changed(options={"job": "none"}))
    assert (await catalog.test_connection(entry.id)).health is Health.UNHEALTHY
