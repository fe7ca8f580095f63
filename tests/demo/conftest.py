"""What tests of the demo share: its real command, and its sandboxes' books."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests import forked

PROJECT = Path(__file__).resolve().parents[2]
OURS = ("STRIPE_", "DEEPL_", "VOLC_TTS_", "GITHUB_", "SLACK_", "MILLRACE_", "DATABASE_URL")


@pytest.fixture
def bare_environment():
    """The environment without credentials and addresses of anybody's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "PYTHONPATH": str(PROJECT), "COLUMNS": "120"}


@pytest.fixture
def demo_command():
    return [sys.executable, "-m", "framework.cli", "demo", "app:app"]


@pytest.fixture
def demo(tmp_path, bare_environment):
    """Run `millrace demo app:app` as people do, in a folder of its own."""

    def run(*options, timeout=120, **variables):
        environment = {**bare_environment, **variables}
        return forked.millrace("demo", "app:app", *options, cwd=tmp_path, env=environment, timeout=timeout)

    return run


@pytest.fixture
def written(tmp_path):
    """Write samples of one's own; the options with which the demo takes them."""

    def write(*lines):
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        (folder / "orders.jsonl").write_text("\n".join(texts), encoding="utf-8")
        return ["--samples", str(folder)]

    return write


@pytest.fixture
def books(tmp_path):
    """What the sandboxes remember of the runs so far."""
    return lambda: json.loads((tmp_path / "millrace-demo.sandboxes.json").read_text(encoding="utf-8"))
