"""The workloads on interaqt, the ancestor: node programs of `interaqt/`, each in a process of its own."""

import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy import make_url

from benchmarks import server
from benchmarks.contest import Contestant, OpsPerSecond, Unavailable
from benchmarks.crew import AT_A_TIME
from benchmarks.sandbox import sandbox
from benchmarks.workloads import ANCESTOR

PROJECT = Path(__file__).with_name("interaqt")
INSTALLED = PROJECT / "node_modules" / ".installed"


def install() -> None:
    """Install interaqt as its lock file says, unless that has been done.

    Raises Unavailable without node and npm.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("node and npm are not installed")
    lock = PROJECT / "package-lock.json"
    if INSTALLED.exists() and INSTALLED.read_text() == lock.read_text():
        return
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL
    )
    INSTALLED.write_text(lock.read_text())


def on_sqlite(program: str, size: int, *, synchronous: str, at_a_time: int = 1) -> OpsPerSecond:
    """W1 (`w1.mjs`) or W2 with no vendor (`w2.mjs`) on a SQLite file."""
    return _run(program, size=size, synchronous=synchronous, **{"at-a-time": at_a_time})


def on_postgres(program: str, size: int) -> OpsPerSecond:
    """The same on an empty database of the session's server, 16 at a time."""
    with server.database() as url:
        place = make_url(url)
        socket, name = str(place.query["host"]), str(place.database)
        return _run(program, size=size, host=socket, database=name, **{"at-a-time": AT_A_TIME})


def chains_over_http(size: int) -> OpsPerSecond:
    """W3: chains whose call goes to a sandbox of their own."""
    with sandbox() as url:
        return _run("w3.mjs", size=size, url=f"{url}/charges", synchronous="FULL", **{"at-a-time": AT_A_TIME})


def _run(program: str, **options: str | int) -> OpsPerSecond:
    arguments = [f"--{name}={value}" for name, value in options.items()]
    answer = subprocess.run(
        ["node", program, *arguments], cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True
    )
    return float(json.loads(answer.stdout)["per_second"])


def _contestant(
    workload: str, run: partial[OpsPerSecond], size: int = 400, prepare: Callable[[], None] = install
) -> Contestant:
    return Contestant(workload=workload, name=ANCESTOR, run=run, size=size, quick_size=80, prepare=prepare)


def _prepare_postgres() -> None:
    install()
    server.prepare()


CONTESTANTS = (
    _contestant("W1", partial(on_sqlite, "w1.mjs", synchronous="NORMAL")),
    _contestant("W1-postgres", partial(on_postgres, "w1.mjs"), 160, _prepare_postgres),
    _contestant("W2", partial(on_sqlite, "w2.mjs", synchronous="NORMAL")),
    _contestant("W2-full", partial(on_sqlite, "w2.mjs", synchronous="FULL", at_a_time=AT_A_TIME)),
    _contestant("W2-postgres", partial(on_postgres, "w2.mjs"), 240, _prepare_postgres),
    _contestant("W3", partial(chains_over_http)),
)
