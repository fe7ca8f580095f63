"""The workloads on interaqt, the ancestor: node programs of `interaqt/`, each in a process of its own."""

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path

from benchmarks.baselines.loop import AT_A_TIME
from benchmarks.contest import Contestant, OpsPerSecond, Unavailable
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


def single_items(size: int) -> OpsPerSecond:
    """W1: items created, updated and deleted, each step a transaction."""
    return _run("w1.mjs", size=size)


def chains(size: int, *, synchronous: str, at_a_time: int) -> OpsPerSecond:
    """W2: chains with no vendor."""
    return _run("w2.mjs", size=size, synchronous=synchronous, **{"at-a-time": at_a_time})


def chains_over_http(size: int) -> OpsPerSecond:
    """W3: chains whose call goes to a sandbox of their own."""
    with sandbox() as url:
        return _run("w3.mjs", size=size, url=f"{url}/charges", **{"at-a-time": AT_A_TIME})


def _run(program: str, **options: str | int) -> OpsPerSecond:
    arguments = [f"--{name}={value}" for name, value in options.items()]
    answer = subprocess.run(
        ["node", program, *arguments], cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True
    )
    return float(json.loads(answer.stdout)["per_second"])


def _contestant(workload: str, run: partial[OpsPerSecond]) -> Contestant:
    return Contestant(workload=workload, name=ANCESTOR, run=run, size=400, quick_size=80, prepare=install)


CONTESTANTS = (
    _contestant("W1", partial(single_items)),
    _contestant("W2", partial(chains, synchronous="NORMAL", at_a_time=1)),
    _contestant("W2-full", partial(chains, synchronous="FULL", at_a_time=AT_A_TIME)),
    _contestant("W3", partial(chains_over_http)),
)
