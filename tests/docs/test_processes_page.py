"""The page about many processes: its commands run, and who works is told from who only takes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from starlette.testclient import TestClient

from docs.examples.letters import Letter, LetterWritten, create_app
from tests.docs.page import DOCS, ROOT, Page, without_blank_lines

PAGE = Page(DOCS / "processes.md")


def test_the_listings_are_the_file() -> None:
    (path,) = PAGE.listings()
    file = "\n".join(without_blank_lines((ROOT / path).read_text(encoding="utf-8")))
    for block in PAGE.listings()[path]:
        assert "\n".join(without_blank_lines(block.text)) in file


def test_what_a_web_process_takes_millrace_work_carries_out(postgres_url: str, tmp_path: Path) -> None:
    app = create_app(postgres_url, works=False)
    app.create()
    with TestClient(app.asgi) as client:
        health = client.get("/health").json()
        assert (health["status"], health["worker"], health["workers"]) == ("degraded", "elsewhere", 0)
        command = [sys.executable, "-m", "framework.cli", "work", "docs.examples.letters:app"]
        environment = {**os.environ, "DATABASE_URL": postgres_url, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as worker:
            until(lambda: app.workers() == 1, worker)
            letter = app.dispatch(LetterWritten(to="ada"))
            until(lambda: app.get(Letter, letter.id).posted_by == worker.pid, worker)
            health = client.get("/health").json()
            assert (health["status"], health["worker"], health["workers"]) == ("ok", "elsewhere", 1)
            script = "from docs.examples.letters import *; print(app().dispatch(LetterWritten(to='b')).id)"
            ran = subprocess.run(
                [sys.executable, "-c", script], env=environment, capture_output=True, check=True
            )
            last = UUID(ran.stdout.decode().strip())
            until(lambda: app.get(Letter, last).posted_by == worker.pid, worker, within=5)
            worker.send_signal(signal.SIGTERM)
            _, said = worker.communicate(timeout=15)
            assert (worker.returncode, b"Traceback" in said) == (0, False)
    assert app.workers() == 0
    assert app.verify() == []
    app.close()


def until(condition: Callable[[], bool], worker: "subprocess.Popen[bytes]", within: float = 20.0) -> None:
    """Return when it is so."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it does not come to be"
        try:
            worker.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError("the worker has ended")
