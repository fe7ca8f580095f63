"""A bank with two vendors that have limits: the App of each process. One charges, the other rings."""

import os
from http import HTTPStatus

from framework import APICall, Event, Payload, derive
from framework.app import App, Settings
from framework.errors import Transient
from framework.integration import Breaker, CallView, Completed, HTTPClient, Integration, Policy, Rate
from tests.many.shop import Address

CONCURRENCY = 4
RATE = Rate(10, burst=9)


class Request(Payload):
    of: str


class Charged(Event, table=True):
    of: str


class Rung(Event, table=True):
    of: str


class Charge(APICall, table=True):
    request: Request


class Ring(APICall, table=True):
    request: Request


@derive
def charge(charged: Charged) -> Charge:
    return Charge(request=Request(of=charged.of))


@derive
def ring(rung: Rung) -> Ring:
    return Ring(request=Request(of=rung.of))


MODULE = [Charged, Rung, Charge, Ring, charge, ring]


def build(url: str, port: int) -> App:
    """At most so many charges at once, and so many rings a second; one charge that fails is one too many."""
    address = Address(base_url=f"http://127.0.0.1:{port}")
    limited = Policy(concurrency=CONCURRENCY, on_doubt="retry", breaker=Breaker(threshold=1, reset=600))
    till = Integration("till", settings=address, policy=limited)
    bell = Integration("bell", settings=address, policy=Policy(rate=RATE, on_doubt="retry"))

    async def send(path: str, call: CallView[Request], http: HTTPClient) -> Completed:
        body = {"of": call.request.of, "what": path, "by": os.getpid()}
        answer = await http.post(path, json=body, headers={"idempotency-key": call.idempotency_key})
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise Transient("503")
        return Completed()

    @till.call(Charge)
    async def charge_it(call: CallView[Request], http: HTTPClient) -> Completed:
        return await send("/charges", call, http)

    @bell.call(Ring)
    async def ring_it(call: CallView[Request], http: HTTPClient) -> Completed:
        return await send("/rings", call, http)

    return App([MODULE], [till, bell], url, settings=Settings(synchronous="OFF"))
