"""A program that runs the App on samples and is killed, life after life, at an instant of the test's choice.

    python mortal.py DATABASE PORT DEATHS

`DEATHS` is a JSON list of pairs: in each life the process kills itself with SIGKILL when that instant comes
for the nth time. Every life finds a few samples more than the one before. The last life has no death; it ends
when no call is open. For each life a JSON line says how it ended, and a line before it what `verify()` found.

The instants are taken where they happen: around the commit of a transaction, and around a request to a
vendor.
"""

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
from anyio.to_thread import run_sync

from app import create_app
from framework.cli.entrance import enter, unmet
from framework.cli.samples import read
from framework.cli.sandboxes import on_a_socket
from framework.cli.webhooks import FACE, Face
from framework.integration.http import Guard
from framework.integration.letterbox import Letterbox
from framework.storage.sqlite import SqliteConnection

SAMPLES = Path(__file__).resolve().parents[2] / "business" / "samples"
PATIENCE = 60


class Death:
    """Waits for its instant."""

    def __init__(self, instant: str, nth: int) -> None:
        self._left = Counter({instant: nth})
        self._lock = threading.Lock()

    def may_come(self, instant: str) -> None:
        with self._lock:
            self._left[instant] -= 1
            if self._left[instant] == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def haunt(death: Death) -> None:
    """Let the death see every instant of this process."""
    doing = threading.local()
    commit, send, receive = SqliteConnection.run, Guard.handle_async_request, Letterbox.receive

    def run(connection, sql, parameters=()):
        if sql != "COMMIT":
            return commit(connection, sql, parameters)
        who = getattr(doing, "what", "worker")
        death.may_come(f"{who}: before commit")
        done = commit(connection, sql, parameters)
        death.may_come(f"{who}: after commit")
        return done

    async def handle_async_request(guard, request: httpx.Request) -> httpx.Response:
        death.may_come("vendor: before request")
        response = await send(guard, request)
        death.may_come("vendor: after answer")
        return response

    def received(box, engine, delivery, tenant=None):
        with said(doing, "webhook"):
            return receive(box, engine, delivery, tenant)

    SqliteConnection.run, Guard.handle_async_request, Letterbox.receive = run, handle_async_request, received


@contextmanager
def said(doing: threading.local, what: str) -> Iterator[None]:
    doing.what = what
    try:
        yield
    finally:
        doing.what = "worker"


def samples(app, life: int, lives: int):
    """An even share of all samples for each life, in addition to those of the lives before."""
    lines = list(read(app, SAMPLES))
    return [line for position, line in enumerate(lines) if position * 7 % lives <= life]


async def live(database: str, port: int, life: int, lives: int) -> None:
    app = create_app(database)
    app.create()
    async with on_a_socket({FACE: Face(app.asgi)}, "127.0.0.1", port), app.working():
        entered = await run_sync(enter, app, samples(app, life, lives), lambda: None)
        await app.settle(PATIENCE)
    say(
        malformed=[str(one) for one in entered.malformed],
        unmet=[str(one) for one in unmet(app, entered)],
        differences=[str(one) for one in app.verify()],
    )
    app.close()


def say(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def main() -> None:
    database, port, deaths = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    lives = len(deaths) + 1
    for life, death in enumerate([*deaths, None]):
        child = os.fork()  # a new process without the second that the imports take
        if child == 0:
            if death is not None:
                haunt(Death(*death))
            anyio.run(live, database, port, life, lives)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        say(death=death, status=status)


if __name__ == "__main__":
    main()
