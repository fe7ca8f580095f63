"""`millrace sandboxes` says where the vendors' doubles are, as a program can read it."""

import json
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import pytest


@contextmanager
def sandboxes(cwd, environment, *options):
    command = [sys.executable, "-m", "framework.cli", "sandboxes", "app:app", "--port", "0", *options]
    with subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = list(iter(process.stdout.readline, "\n"))
            yield process, {one["name"]: one for one in map(json.loads, lines)}
        finally:
            process.terminate()


def shown(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def test_each_integration_with_a_double_has_a_line_with_its_address_and_environment(
    tmp_path, bare_environment
):
    with sandboxes(tmp_path, bare_environment) as (_, found):
        assert set(found) == {"stripe", "deepl", "volctts", "github", "slack"}
        stripe = found["stripe"]
        assert stripe["environment"]["STRIPE_BASE_URL"] == stripe["url"]
        assert shown(f"{stripe['url']}/__sandbox__/books")["payment_intents"] == []


@pytest.mark.parametrize(
    "variables", [{"STRIPE_SECRET_KEY": "sk"}, {"STRIPE_BASE_URL": "http://127.0.0.1:1"}]
)
def test_a_double_is_not_wanted_where_the_environment_knows_better(tmp_path, bare_environment, variables):
    with sandboxes(tmp_path, {**bare_environment, **variables}) as (_, found):
        assert [name for name, one in found.items() if not one["wanted"]] == ["stripe"]


def test_the_books_outlive_the_process(tmp_path, bare_environment):
    books = tmp_path / "books.json"
    with sandboxes(tmp_path, bare_environment, "--books", str(books)) as (_, found):
        translate = urllib.request.Request(
            f"{found['deepl']['url']}/v2/translate",
            data=json.dumps({"text": ["Hello"], "target_lang": "DE"}).encode(),
            headers={"authorization": "DeepL-Auth-Key sandbox", "content-type": "application/json"},
        )
        with urllib.request.urlopen(translate) as answer:
            assert answer.status == 200
    with sandboxes(tmp_path, bare_environment, "--books", str(books)) as (_, found):
        assert [one["text"] for one in shown(f"{found['deepl']['url']}/__sandbox__/books")["billed"]] == [
            "Hello"
        ]


def test_with_its_input_the_process_ends(tmp_path, bare_environment):
    with sandboxes(tmp_path, bare_environment, "--while-input-is-open") as (process, _):
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_a_port_that_is_taken_is_named(millrace):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = millrace("sandboxes", "app:app", "--port", port)
    assert ran.returncode == 1
    assert ran.stderr == (
        f"Port {port} of 127.0.0.1 is taken. "
        "Stop who listens there, or choose another with --port (0: any).\n"
    )


def test_books_that_cannot_be_read_are_named(millrace, tmp_path):
    (tmp_path / "books.json").write_text("{")
    ran = millrace("sandboxes", "app:app", "--port", "0", "--books", "books.json")
    assert ran.returncode == 1
    assert ran.stderr.startswith("The sandboxes' books books.json cannot be read (JSONDecodeError")
