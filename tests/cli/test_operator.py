"""What an operator asks: is everything true, why is it so, what is dead, and may it be tried again."""

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

WORKSHOP = '''
"""A press whose vendor never answers: every call is in doubt, and nobody can look it up."""

from uuid import UUID

from framework import APICall, Count, Entity, Event, Field, Payload, Relationship, computed, derive
from framework.app import App
from framework.errors import InDoubt
from framework.integration import Integration, Policy


class LetterWritten(Event, table=True):
    text: str


class PrintRequest(Payload):
    text: str


class Printing(APICall, table=True):
    letter_id: UUID = Field(foreign_key="letter.id", index=True)
    request: PrintRequest


class Letter(Entity, table=True):
    text: str
    printings: list[Printing] = Relationship()
    copies: int = computed(Count(printings))


@derive
def letter(written: LetterWritten) -> Letter:
    return Letter(id=written.id, text=written.text)


@derive
def printing(letter: Letter) -> Printing:
    return Printing(letter_id=letter.id, request=PrintRequest(text=letter.text))


press = Integration("press", policy=Policy(on_doubt="fail"))


@press.call(Printing)
async def print_it(call, http):
    raise InDoubt("the paper is gone", code="answer_lost")


app = App([[LetterWritten, Printing, Letter, letter, printing]], [press], database="sqlite:///press.db")
'''

USE = """
import anyio
from press import LetterWritten, app

app.create()
print(app.dispatch(LetterWritten(text="Dear aunt")).id)
anyio.run(app.settle)
app.close()
"""


@pytest.fixture(scope="module")
def press(tmp_path_factory, bare_environment):
    """A folder with the press, and the id of a letter in its database whose printing is dead."""
    folder = tmp_path_factory.mktemp("press")
    (folder / "press.py").write_text(WORKSHOP)
    ran = subprocess.run(
        [sys.executable, "-c", USE], cwd=folder, env=bare_environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return folder, ran.stdout.strip()


@pytest.fixture
def letter(press, tmp_path):
    """The id of the letter, in a press of the test's own."""
    folder, letter = press
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return letter


def test_what_is_true_is_said_to_be_true(millrace, letter):
    ran = millrace("verify", "press:app")
    assert (ran.returncode, ran.stdout) == (0, "Everything is as the facts say.\n")


def test_a_difference_is_named_and_fails_the_command(millrace, letter, tmp_path):
    with sqlite3.connect(tmp_path / "press.db") as connection:
        connection.execute("UPDATE letter SET copies = 3")
    connection.close()
    ran = millrace("verify", "press:app")
    assert ran.returncode == 1
    assert ran.stdout == f"Letter {letter}: copies is 3, should be 1\n1 differences\n"


def test_a_value_is_explained(millrace, letter):
    ran = millrace("explain", "press:app", "Letter", letter, "copies")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"Letter {letter}: copies is 1\n")
    assert "Printing" in ran.stdout


def test_a_class_that_is_not_there_is_answered_with_those_that_are(millrace, letter):
    ran = millrace("explain", "press:app", "Leter", letter, "copies")
    assert ran.returncode == 1
    assert ran.stderr.startswith("This App has no record class 'Leter'. It has: IntegrationEvent, Letter,")


def test_a_dead_call_is_listed_with_its_reason_until_it_is_replayed(millrace, letter):
    dead = millrace("dead", "press:app").stdout
    assert dead.startswith("Printing ")
    assert "the paper is gone" in dead
    call_id = dead.split()[1]
    replayed = millrace("replay", "press:app", call_id)
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.endswith(f" does again what {call_id} was to do.\n")
    assert millrace("dead", "press:app").stdout == "No call is dead.\n"
    assert millrace("replay", "press:app", call_id).returncode == 1


SHOPS = """
from framework import Count, Entity, Global, computed
from framework.app import App, Settings


class Customer(Entity, table=True):
    name: str


class Shop(Global, table=True):
    name: str = ""
    customers: int = computed(Count(Customer))


app = App([[Customer, Shop]], database="sqlite:///shops.db", settings=Settings(tenancy="required"))
app.create()
"""


def test_a_database_without_tables_is_named(millrace, tmp_path):
    (tmp_path / "press.py").write_text(WORKSHOP)
    ran = millrace("verify", "press:app")
    assert ran.returncode == 1
    assert ran.stderr == (
        "The database sqlite:///press.db has no tables yet. Call `app.create()` once, or "
        "`millrace migrate --apply`.\n"
    )
    ran = millrace("migrate", "press:app", "--apply")
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "Migrated. Everything is as the facts say.")
    assert millrace("verify", "press:app").returncode == 0


def test_records_are_counted_in_the_picture_of_a_tenant(millrace, tmp_path):
    (tmp_path / "shops.py").write_text(SHOPS)
    assert millrace("tenants", "shops:app", "acme").returncode == 0
    ran = millrace("graph", "shops:app", "--counts", "--tenant", "acme")
    assert ran.returncode == 0, ran.stderr
    assert '    subgraph Shop["Shop (global): 1"]' in ran.stdout.splitlines()
    assert "no tenant is entered" in millrace("graph", "shops:app", "--counts").stderr


def test_a_total_is_explained_without_an_id(millrace, tmp_path):
    (tmp_path / "shops.py").write_text(SHOPS)
    millrace("tenants", "shops:app", "acme")
    (tmp_path / "customers.jsonl").write_text('{"name": "Ada"}\n')
    millrace("load", "shops:app", "Customer", "customers.jsonl", "--tenant", "acme")
    ran = millrace("explain", "shops:app", "Shop", "customers", "--tenant", "acme")
    assert (
        "customers is 1\n  because it is the Count over all records of Customer\n  - Customer " in ran.stdout
    )
    ran = millrace("explain", "shops:app", "Customer", "name", "--tenant", "acme")
    assert "There are many records of Customer. Say which, by its id" in ran.stderr


def test_a_machine_is_drawn(millrace):
    ran = millrace("graph", "app:app", "Order", "status")
    assert ran.returncode == 0, ran.stderr
    assert "stateDiagram" in ran.stdout
    assert "unpaid" in ran.stdout


def test_run_serves_webhooks_and_health_until_interrupted(tmp_path, bare_environment):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "framework.cli", "run", "app:app", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=bare_environment, stderr=subprocess.PIPE, text=True
    ) as running:
        health = answered(f"http://127.0.0.1:{port}/health", running)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=20)
    assert health["worker"] == "working"
    served = [one["integration"] for one in health["integrations"]]
    assert served == ["stripe", "deepl", "volctts", "github", "slack"]
    assert "Traceback" not in said


def answered(url, running):
    """What is served there, as soon as it is."""
    deadline, pause = time.monotonic() + 20, threading.Event()
    while time.monotonic() < deadline and running.poll() is None:
        try:
            with urllib.request.urlopen(url) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            pause.wait(0.01)
    pytest.fail("nothing was served")


def test_a_port_that_is_taken_is_named(millrace):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = millrace("run", "app:app", "--port", port)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"Port {port} of 127.0.0.1 is taken.")
