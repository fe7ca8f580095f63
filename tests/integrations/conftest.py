"""What tests of integrations share: the contract, and an account of which real vendors were reached."""

import os
from collections.abc import Generator
from datetime import UTC, datetime

import httpx
import pytest

from tests.live.reach import EVIDENCE, Reach, missing, reason, vendor_of

pytest.register_assert_rewrite("framework.testing.contract")

REACHED: dict[str, Reach] = {}


@pytest.fixture(autouse=True)
def _exchanges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What live tests exchange with their vendor is noted."""
    if request.node.get_closest_marker("live") is None:
        return
    reach, send = REACHED[vendor_of(request.module)], httpx.AsyncHTTPTransport.handle_async_request

    async def noted(transport: httpx.AsyncHTTPTransport, sent: httpx.Request) -> httpx.Response:
        answer = await send(transport, sent)
        reach.note(sent, answer.status_code)
        return answer

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", noted)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("live") is None or not isinstance(item, pytest.Function):
        return
    vendor, needs = vendor_of(item.module), item.module.NEEDS
    reach = REACHED.setdefault(vendor, Reach(vendor, needs))
    lacking = missing(needs)
    if lacking:
        reach.unreached = reason(vendor, lacking)
        if os.environ.get("REQUIRE_LIVE") == "1":
            pytest.fail(reach.unreached, pytrace=False)
        pytest.skip(reach.unreached)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if isinstance(item, pytest.Function) and item.get_closest_marker("live"):
        reach = REACHED[vendor_of(item.module)]
        if report.failed and item.name not in reach.failed:
            reach.failed.append(item.name)
        elif report.when == "call" and report.passed:
            reach.passed.append(item.name)
        elif report.skipped and reach.unreached is None:
            reach.unreached = f"{reach.vendor} was not reached by {item.name}: {report.longreprtext}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if REACHED:
        terminalreporter.section("real vendors")
    for reach in REACHED.values():
        terminalreporter.write_line(str(reach))
        if reach.is_proven:
            terminalreporter.write_line(f"  written to {reach.write(EVIDENCE, datetime.now(UTC))}")
