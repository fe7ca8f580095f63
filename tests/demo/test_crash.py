"""The App is killed at two dozen instants, and every order is charged once, every article translated."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[1] / "business" / "samples"

INSTANTS = (
    "worker: before commit",  # a claim, or the end of an attempt, is lost
    "worker: after commit",  # the attempt is on record, and nobody was called
    "vendor: before request",
    "vendor: after answer",  # the vendor has acted, and we have not written it down
    "webhook: before commit",  # the vendor's word is lost, and not acknowledged
    "webhook: after commit",  # it is stored, and not acknowledged
)
DEATHS = [list(death) for death in product(INSTANTS, (1, 2, 3, 5))]


@pytest.fixture
def vendors(tmp_path, bare_environment):
    """The sandboxes, in a process that lives on when the App dies: where they are, by name."""
    command = [sys.executable, "-m", "framework.cli", "sandboxes", "app:app", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=bare_environment, stdout=subprocess.PIPE, text=True
    ) as process:
        lines = list(iter(process.stdout.readline, "\n"))
        yield {one["name"]: one for one in map(json.loads, lines)}
        process.terminate()


@pytest.fixture
def port():
    """A port that stays the same over all lives, so that vendors find the next one there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def lives(tmp_path, bare_environment, vendors, port):
    """Let the App live and die on one database, and say how each life ended."""

    def run(deaths):
        tell(vendors["stripe"], "webhook", url=f"http://127.0.0.1:{port}/app/webhooks/stripe/events")
        known = [one["environment"] for one in vendors.values()]
        environment = {name: value for one in [bare_environment, *known] for name, value in one.items()}
        database = f"sqlite:///{tmp_path}/crash.db"
        ran = subprocess.run(
            [sys.executable, str(HERE / "mortal.py"), database, str(port), json.dumps(deaths)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
        )
        assert ran.returncode == 0, ran.stderr
        return [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr

    return run


def tell(vendor, path, **said):
    asked = urllib.request.Request(
        f"{vendor['url']}/__sandbox__/{path}",
        data=json.dumps(said).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 200


def books(vendor):
    with urllib.request.urlopen(f"{vendor['url']}/__sandbox__/books") as answer:
        return json.load(answer)


def samples(name, state):
    lines = (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [sample["facts"] for sample in map(json.loads, lines) if state in sample["expect"].values()]


def test_whenever_the_app_is_killed_each_order_is_charged_once_and_nothing_is_lost(lives, vendors):
    said, errors = lives(DEATHS)

    killed = Counter(one["death"][0] for one in said if one.get("status") == -signal.SIGKILL)
    assert sum(killed.values()) >= 20, said
    assert set(killed) == set(INSTANTS)
    assert said[-1] == {"death": None, "status": 0}, errors
    assert said[-2] == {"malformed": [], "unmet": [], "differences": []}

    intents = books(vendors["stripe"])["payment_intents"]
    charged = Counter(one["receipt_email"] for one in intents if one["status"] == "succeeded")
    assert charged == Counter(order["email"] for order in samples("orders", "paid"))
    assert len({one["metadata"]["api_call_id"] for one in intents}) == len(intents)

    spoken = Counter(one["text"] for one in books(vendors["volctts"])["tasks"])
    donors = [donation["donor"] for donation in samples("donations", "thanked")]
    assert all(sum(n for text, n in spoken.items() if donor in text) == 1 for donor in donors)

    translated = {one["text"].partition("\n\n")[0] for one in books(vendors["deepl"])["billed"]}
    assert translated == {article["title"] for article in samples("articles", "translated")}
