"""A sandbox does what a vendor does, and goes wrong on demand and always in the same way."""

import hashlib
import hmac
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from framework.testing.sandbox import Fault, Faults, Sandbox, listening

pytestmark = pytest.mark.anyio
KEY = {"authorization": "Bearer key"}
SECRET = "whisper"


class Kitchen(Sandbox):
    """Takes orders for dishes, and calls back when a dish is cooked."""

    name = "kitchen"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dishes: list[dict[str, str]] = []

    def routes(self) -> Sequence[Route]:
        return [
            Route("/dishes", self.order, methods=["POST"]),
            Route("/dishes", self.menu, methods=["GET"]),
        ]

    def refusal(self, request: Request) -> Response | None:
        allowed = request.headers.get("authorization") == "Bearer key"
        return None if allowed else JSONResponse({"message": "Who are you?"}, 401)

    def books(self) -> Mapping[str, Any]:
        return {"dishes": self.dishes}

    def sign(self, body: bytes) -> Mapping[str, str]:
        return {"x-signature": hmac.digest(self.webhook_secret.encode(), body, hashlib.sha256).hex()}

    async def order(self, request: Request) -> Response:
        dish = {"dish": (await request.json())["dish"], "status": "ordered"}
        self.dishes.append(dish)
        self.later(lambda: self._cook(dish))
        return JSONResponse(dish, 201)

    async def menu(self, request: Request) -> Response:
        return JSONResponse(self.dishes)

    def _cook(self, dish: dict[str, str]) -> None:
        dish["status"] = "cooked"
        self.notify("cooked", dish["dish"].encode())


class Waiter:
    """Receives webhooks; answers with the given statuses first, then 200."""

    name = "waiter"

    def __init__(self, statuses: Iterable[int] = ()) -> None:
        self.heard: list[str] = []
        self.signatures: list[str] = []
        self._statuses = list(statuses)
        self.app = Starlette(routes=[Route("/hook", self._hear, methods=["POST"])])

    async def _hear(self, request: Request) -> Response:
        self.heard.append((await request.body()).decode())
        self.signatures.append(request.headers["x-signature"])
        return Response(status_code=self._statuses.pop(0) if self._statuses else 200)

    async def aclose(self) -> None:
        """Nothing is open."""


class House:
    """A kitchen and a waiter on one socket, and a guest who orders."""

    def __init__(self, kitchen: Kitchen, waiter: Waiter, guest: httpx.AsyncClient, address: str) -> None:
        self.kitchen, self.waiter, self.guest, self.address = kitchen, waiter, guest, address

    async def order(self, dish: str) -> httpx.Response:
        return await self.guest.post("/kitchen/dishes", json={"dish": dish})


@pytest.fixture
async def house() -> AsyncIterator[House]:
    kitchen, waiter = Kitchen(webhook_secret=SECRET, retry_delays=(0.0, 0.0)), Waiter()
    async with listening({"kitchen": kitchen, "waiter": waiter}) as address:
        kitchen.send_webhooks_to(f"{address}/waiter/hook")
        async with httpx.AsyncClient(base_url=address, headers=KEY, trust_env=False) as guest:
            yield House(kitchen, waiter, guest, address)


async def test_the_work_is_done_answered_and_followed_by_a_signed_webhook(house: House) -> None:
    answer = await house.order("soup")
    await house.kitchen.idle()
    assert (answer.status_code, answer.json()) == (201, {"dish": "soup", "status": "ordered"})
    assert house.waiter.heard == ["soup"]
    assert house.waiter.signatures == [hmac.digest(SECRET.encode(), b"soup", hashlib.sha256).hex()]
    assert house.kitchen.books() == {"dishes": [{"dish": "soup", "status": "cooked"}]}


async def test_wrong_credentials_are_refused_before_any_work(house: House) -> None:
    answer = await house.guest.post(
        "/kitchen/dishes", json={"dish": "soup"}, headers={"authorization": "Bearer no"}
    )
    assert answer.status_code == 401
    assert house.kitchen.dishes == []


async def test_a_throttled_request_does_nothing_and_says_when_to_come_back(house: House) -> None:
    house.kitchen.faults = Faults(retry_after=7)
    house.kitchen.fail_next("throttle")
    throttled, second = await house.order("soup"), await house.order("soup")
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "7")
    assert second.status_code == 201
    assert len(house.kitchen.dishes) == 1


async def test_an_error_after_success_leaves_the_work_done(house: House) -> None:
    house.kitchen.fail_next(Fault.ERROR_AFTER_SUCCESS)
    answer = await house.order("soup")
    await house.kitchen.idle()
    assert answer.status_code == 500
    assert house.waiter.heard == ["soup"]


async def test_a_drop_after_acceptance_closes_the_socket_and_leaves_the_work_done(house: House) -> None:
    house.kitchen.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await house.order("soup")
    await house.kitchen.idle()
    assert [dish["status"] for dish in house.kitchen.dishes] == ["cooked"]
    assert house.waiter.heard == ["soup"]
    assert (await house.order("cake")).status_code == 201


async def test_a_drop_in_process_is_a_broken_connection_too() -> None:
    kitchen = Kitchen()
    kitchen.fail_next(Fault.DROP_AFTER_ACCEPTANCE)
    transport = httpx.ASGITransport(kitchen.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kitchen", headers=KEY) as guest:
        with pytest.raises(ConnectionResetError):
            await guest.post("/dishes", json={"dish": "soup"})
    assert len(kitchen.dishes) == 1


async def test_a_read_is_never_dropped_because_nothing_was_accepted(house: House) -> None:
    house.kitchen.faults = Faults(drop_after_acceptance=1, error_after_success=1)
    assert (await house.guest.get("/kitchen/dishes")).json() == []


async def test_an_early_webhook_arrives_before_the_answer(house: House) -> None:
    house.kitchen.fail_next(Fault.EARLY_WEBHOOKS)
    await house.order("soup")
    assert house.waiter.heard == ["soup"]


async def test_a_duplicate_webhook_arrives_twice(house: House) -> None:
    house.kitchen.fail_next(Fault.DUPLICATE_WEBHOOKS)
    await house.order("soup")
    await house.kitchen.idle()
    assert house.waiter.heard == ["soup", "soup"]


async def test_a_reordered_webhook_is_overtaken_by_the_next(house: House) -> None:
    house.kitchen.fail_next(Fault.REORDER_WEBHOOKS)
    await house.order("soup")
    await house.kitchen.idle()
    assert house.waiter.heard == []
    await house.order("cake")
    await house.kitchen.idle()
    assert house.waiter.heard == ["cake", "soup"]


async def test_a_lost_webhook_stays_lost(house: House) -> None:
    house.kitchen.fail_next(Fault.LOST_WEBHOOKS)
    await house.order("soup")
    await house.kitchen.idle()
    flushed = await house.guest.post("/kitchen/__sandbox__/flush")
    assert flushed.json() == {"sent": 0}
    assert house.waiter.heard == []
    assert [letter.kind for letter in house.kitchen.postman.lost] == ["cooked"]


async def test_withheld_webhooks_arrive_when_they_are_delivered(house: House) -> None:
    house.kitchen.postman.hold = True
    await house.order("soup")
    await house.kitchen.idle()
    assert house.waiter.heard == []
    await house.kitchen.deliver("cooked")
    assert house.waiter.heard == ["soup"]
    with pytest.raises(LookupError, match="cooked"):
        await house.kitchen.deliver("cooked")


async def test_webhooks_of_one_topic_arrive_in_order(house: House) -> None:
    dishes = [f"dish {number}" for number in range(20)]
    for dish in dishes:
        house.kitchen.notify("cooked", dish.encode(), topic="table 1")
    await house.kitchen.idle()
    assert house.waiter.heard == dishes


async def test_a_webhook_is_sent_again_until_it_is_accepted() -> None:
    kitchen, waiter = Kitchen(retry_delays=(0.0, 0.0, 0.0)), Waiter([500, 503])
    async with listening({"waiter": waiter}) as address:
        kitchen.send_webhooks_to(f"{address}/waiter/hook", SECRET)
        kitchen.notify("cooked", b"soup")
        await kitchen.idle()
        await kitchen.aclose()
    assert waiter.heard == ["soup"] * 3
    assert [letter.tries for letter in kitchen.postman.sent] == [[500, 503, 200]]


async def test_a_webhook_to_a_closed_door_is_given_up_after_its_tries() -> None:
    async with listening({}) as address:
        closed = address
    async with Kitchen(retry_delays=(0.0, 0.0), webhook_url=f"{closed}/hook") as kitchen:
        kitchen.notify("cooked", b"soup")
        await kitchen.idle()
        assert [letter.tries for letter in kitchen.postman.sent] == [["unreachable"] * 3]


async def test_requests_are_shown_without_credentials(house: House) -> None:
    await house.order("soup")
    shown = (await house.guest.get("/kitchen/__sandbox__/requests")).json()
    assert [(one["method"], one["path"], one["body"]) for one in shown] == [
        ("POST", "/dishes", '{"dish":"soup"}')
    ]
    assert shown[0]["headers"]["authorization"] == "[hidden]"
    assert "Bearer" not in str(shown)


async def test_books_faults_and_webhooks_are_controlled_over_http(house: House) -> None:
    control = "/kitchen/__sandbox__"
    await house.guest.post(
        f"{control}/webhook", json={"url": f"{house.address}/waiter/hook", "secret": "new"}
    )
    faults = await house.guest.post(f"{control}/faults", json={"retry_after": 3, "next": ["throttle"]})
    throttled = await house.order("soup")
    await house.order("cake")
    await house.kitchen.idle()
    books = await house.guest.get(f"{control}/books")
    assert faults.json()["retry_after"] == 3
    assert throttled.headers["retry-after"] == "3"
    assert books.json() == {"dishes": [{"dish": "cake", "status": "cooked"}]}
    assert house.waiter.signatures == [hmac.digest(b"new", b"cake", hashlib.sha256).hex()]


@pytest.mark.parametrize("asked", [{"thunder": 1}, {"throttle": 2}, {"next": ["thunder"]}, {"delay": -1}])
async def test_impossible_faults_are_refused_and_change_nothing(house: House, asked: dict[str, Any]) -> None:
    before = house.kitchen.faults
    answer = await house.guest.post("/kitchen/__sandbox__/faults", json=asked)
    assert answer.status_code == 400
    assert house.kitchen.faults == before


async def test_an_unknown_vendor_and_an_unknown_endpoint_are_not_found(house: House) -> None:
    assert (await house.guest.get("/cellar/wine")).status_code == 404
    assert (await house.guest.get("/kitchen/wine")).json() == {"message": "No such endpoint: GET /wine"}


def test_served_sandboxes_answer_until_they_are_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = f"""
from framework.testing.sandbox import serve
from tests.testing.test_sandbox import Kitchen
serve({{"kitchen": Kitchen()}}, port={port})
"""
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as server:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=6)) as guest:
                answer = guest.get(f"http://127.0.0.1:{port}/kitchen/dishes", headers=KEY)
        finally:
            server.send_signal(signal.SIGINT)
            _, complaints = server.communicate(timeout=10)
    assert answer.json() == []
    assert (server.returncode, complaints) == (0, b"")


def test_the_same_seed_strikes_at_the_same_requests() -> None:
    struck = [
        [nth for nth in range(1000) if Faults(seed=seed, throttle=0.2).strikes(Fault.THROTTLE, nth)]
        for seed in (1, 1, 2)
    ]
    assert struck[0] == struck[1] != struck[2]
    assert 150 < len(struck[0]) < 250


def test_changing_one_rate_moves_no_other_fault() -> None:
    alone, beside = Faults(lost_webhooks=0.3), Faults(lost_webhooks=0.3, throttle=0.9, duplicate_webhooks=0.9)
    assert [alone.strikes(Fault.LOST_WEBHOOKS, nth) for nth in range(200)] == [
        beside.strikes(Fault.LOST_WEBHOOKS, nth) for nth in range(200)
    ]


def test_a_rate_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match="throttle is a rate from 0 to 1"):
        Faults(throttle=1.5)
