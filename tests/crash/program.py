"""The program that is killed: places its orders, each once, and carries out their charges."""

import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import Any

import anyio
from pydantic_settings import BaseSettings

from framework.app import App, Settings
from framework.errors import Transient
from framework.integration import (
    CallView,
    Completed,
    ExternalId,
    HTTPClient,
    Integration,
    NotSubmitted,
    Policy,
)
from framework.runtime.work import Work
from tests.integration.desk_of_orders import MODULE, Charge, OrderPlaced, Receipt


class Suicide(StrEnum):
    """Where the program kills itself."""

    BEFORE_CLAIM = "the order is committed, and its charge is not claimed"
    BEFORE_SENDING = "the attempt is committed, and the vendor has heard nothing"
    BEFORE_RECORDING = "the vendor has answered, and nothing is recorded"
    AFTER_RECORDING = "the outcome is committed, and nobody has heard of it"


class Address(BaseSettings):
    base_url: str


def build(url: str, base_url: str, *, looks_up: bool, suicide: Suicide | None = None) -> App:
    """The App. `looks_up`: the vendor repeats what it is sent, and can be asked."""
    deadly = [suicide]

    def die(here: Suicide) -> None:
        if here in deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    policy = Policy(concurrency=8, on_doubt="recover" if looks_up else "retry")
    acme = Integration("acme", settings=Address(base_url=base_url), policy=policy)

    @acme.call(Charge)
    async def charge(call: CallView, http: HTTPClient) -> Completed:
        die(Suicide.BEFORE_SENDING)
        headers = {"idempotency-key": call.idempotency_key, "x-pid": str(os.getpid())}
        answer = await http.post("/charges", json={"cents": call.request.amount_cents}, headers=headers)
        die(Suicide.BEFORE_RECORDING)
        return Completed(Receipt(url="https://vendor.example"), external_id=ExternalId(answer.json()["id"]))

    if looks_up:

        @acme.recover(Charge)
        async def find(call: CallView, http: HTTPClient) -> Completed | NotSubmitted:
            answer = await http.get(f"/charges/{call.idempotency_key}")
            if answer.status_code not in (200, 404):
                raise Transient(str(answer.status_code))
            if answer.status_code == 404:
                return NotSubmitted()
            return Completed(
                Receipt(url="https://vendor.example"), external_id=ExternalId(answer.json()["id"])
            )

    app = App([MODULE], [acme], database=url, settings=Settings(synchronous="NORMAL"))
    app.create()

    def watch(work: Work) -> None:
        changes = [change for shape in work.rows for change in work.rows[shape].values()]
        calls = [change for change in changes if change.shape.model is Charge]
        if any(change.before_row is None for change in calls):
            die(Suicide.BEFORE_CLAIM)
        if any(change.before_row is not None for change in calls):
            die(Suicide.AFTER_RECORDING)

    app.engine.listeners.append(watch)
    return app


def main(folder: Path, port: int, orders: int, looks_up: bool, suicide: Suicide | None, done: Any) -> None:
    """Place the orders that are not placed yet, and carry out whatever is due."""
    url = f"sqlite:///{folder}/shop.db"
    app = build(url, f"http://127.0.0.1:{port}", looks_up=looks_up, suicide=suicide)

    async def work() -> None:
        async with app.working(), anyio.create_task_group() as tasks:
            for number in range(orders):
                event = OrderPlaced(customer=str(number), total_cents=100 + number)
                tasks.start_soon(
                    anyio.to_thread.run_sync, lambda e=event, n=number: app.dispatch(e, key=str(n))
                )
        await app.settle(timeout=20)

    anyio.run(work)
    app.close()
    done.set()
