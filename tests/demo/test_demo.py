"""The demo as people run it, judged by its exit status, its words and the vendors' books."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

PAUSE = threading.Event()
SAMPLES = Path(__file__).resolve().parents[2] / "business" / "samples"


def samples(name):
    return [json.loads(line) for line in (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def ordered(key, **facts):
    """A sample that is to be paid."""
    facts = {"email": f"{key}@example.org", "total_cents": 500, **facts}
    return {"event": "OrderPlaced", "key": key, "facts": facts, "expect": {"Order.status": "paid"}}


def donated(key):
    """A sample that takes some seconds: the vendor is asked twice."""
    facts = {"donor": "Ada", "amount_cents": 500}
    expect = {"Donation.status": "thanked"}
    return {"event": "DonationReceived", "key": key, "facts": facts, "expect": expect}


def expected(name, state):
    """How many samples of this file expect this state."""
    return sum(state in sample["expect"].values() for sample in samples(name))


def counted(output, words):
    """The number in the row of a table that begins with these words."""
    found = re.search(rf"│ +{re.escape(words)} +│ +([\d.]+) │", output)
    assert found, f"no row {words!r} in\n{output}"
    return float(found.group(1))


def state_counts(output):
    rows = re.findall(r"│ (\w+\.\w+)? +│ (\w+) +│ +(\d+) │", output)
    counts, machine = {}, ""
    for name, state, count in rows:
        machine = name or machine
        counts[machine, state] = int(count)
    return counts


def assert_all_samples_came_true(ran):
    assert ran.returncode == 0, ran.stdout + ran.stderr
    counts = state_counts(ran.stdout)
    for machine, name, states in (
        ("Order.status", "orders", ("placed", "paid", "unpaid")),
        ("Article.status", "articles", ("draft", "translated", "failed")),
        ("Donation.status", "donations", ("received", "thanked", "unthanked")),
    ):
        assert [counts[machine, state] for state in states] == [expected(name, state) for state in states]
    assert counted(ran.stdout, "differences found by verify()") == 0


def assert_each_order_was_charged_once(books):
    """By the vendor's books: one intent for each call, and money from those that are paid alone."""
    intents = list(books["stripe"]["_books"]["payment_intents"].values())
    charged = [one["receipt_email"] for one in intents if one["status"] == "succeeded"]
    assert Counter(charged) == Counter(
        sample["facts"]["email"] for sample in samples("orders") if "paid" in sample["expect"].values()
    )
    assert len({one["metadata"]["api_call_id"] for one in intents}) == len(intents)
    assert sum(one["amount_received"] for one in intents) == sum(
        sample["facts"]["total_cents"] for sample in samples("orders") if "paid" in sample["expect"].values()
    )


def test_every_sample_comes_true_with_vendors_that_behave(demo, books):
    ran = demo()
    assert_all_samples_came_true(ran)
    assert_each_order_was_charged_once(books())
    assert counted(ran.stdout, "faults injected") == 0
    assert counted(ran.stdout, "attempts") == counted(ran.stdout, "calls")
    for name in ("stripe", "deepl", "volctts"):
        assert re.search(rf"^{name} +talks to its sandbox", ran.stdout, re.MULTILINE)


def test_every_sample_comes_true_with_vendors_that_misbehave(demo, books):
    ran = demo("--faults")
    assert_all_samples_came_true(ran)
    assert_each_order_was_charged_once(books())
    for fault in ("throttle", "error_after_success", "drop_after_acceptance", "lost_webhooks"):
        assert counted(ran.stdout, fault) > 0
    assert counted(ran.stdout, "attempts") > counted(ran.stdout, "calls")


def test_a_second_run_finds_all_done_and_asks_no_vendor_again(demo, written, books):
    options = written(ordered("a"), ordered("b"))
    first, before = demo(*options), books()
    second = demo(*options)
    assert (first.returncode, second.returncode) == (0, 0), first.stdout + second.stdout
    assert counted(second.stdout, "of an earlier run") == counted(second.stdout, "samples") == 2
    assert books() == before
    assert len(before["stripe"]["_books"]["payment_intents"]) == 2


def test_fresh_forgets_the_data_and_the_books(demo, written, books):
    options = written(ordered("a"))
    demo(*options)
    again = demo("--fresh", *options)
    assert counted(again.stdout, "of an earlier run") == 0
    assert len(books()["stripe"]["_books"]["payment_intents"]) == 1


def test_an_interrupted_run_is_gone_on_with(demo, demo_command, tmp_path, bare_environment, books):
    with subprocess.Popen(
        demo_command, cwd=tmp_path, env=bare_environment, stderr=subprocess.PIPE, text=True
    ) as ran:
        until_some_orders_are_stored(tmp_path / "millrace-demo.db", ran)
        ran.send_signal(signal.SIGINT)
        _, said = ran.communicate(timeout=30)
    assert ran.returncode == 130
    assert said.endswith("Interrupted. The same command goes on from sqlite:///millrace-demo.db.\n")
    assert_all_samples_came_true(demo())
    assert_each_order_was_charged_once(books())


def test_a_killed_run_is_gone_on_with(demo, demo_command, tmp_path, bare_environment, books):
    """The sandboxes notice that they are alone, write their books and end."""
    with subprocess.Popen(demo_command, cwd=tmp_path, env=bare_environment, stdout=subprocess.PIPE) as ran:
        until_some_orders_are_stored(tmp_path / "millrace-demo.db", ran)
        ran.kill()
    deadline = time.monotonic() + 30
    while not (tmp_path / "millrace-demo.sandboxes.json").exists():
        assert time.monotonic() < deadline, "the sandboxes wrote no books"
        PAUSE.wait(0.01)
    assert_all_samples_came_true(demo())
    assert_each_order_was_charged_once(books())


def until_some_orders_are_stored(database, running):
    """Return as soon as the database has an order; a run that ends before that is a failure."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and running.poll() is None:
        if database.exists():
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as reader:
                tables = reader.execute("SELECT count(*) FROM sqlite_master WHERE name = 'order'").fetchone()[
                    0
                ]
                if tables and reader.execute('SELECT count(*) FROM "order"').fetchone()[0]:
                    return
        PAUSE.wait(0.01)
    pytest.fail("the demo stored no order")


def test_a_malformed_line_is_named_and_the_rest_goes_on(demo, written):
    options = written(
        ordered("a"),
        "{ this is no JSON",
        {**ordered("b"), "event": "OrderLost"},
        ordered("c", total_cents=-5),
        {**ordered("d"), "facts": {"email": "a@b.c", "total": 5}},
        ordered("a", total_cents=6),
        {**ordered("e"), "expect": {"Order.mood": "good"}},
        ordered("f"),
    )
    ran = demo(*options)
    assert ran.returncode == 1
    assert state_counts(ran.stdout)["Order.status", "paid"] == 2
    said = dict(re.findall(r"mine/orders\.jsonl:(\d): (.+)", ran.stdout))
    assert sorted(said) == ["2", "3", "4", "5", "6", "7"]
    assert "Invalid JSON" in said["2"]
    assert said["3"].startswith("This App has no event 'OrderLost'. It has: ArticleSubmitted,")
    assert "total_cents" in said["4"]
    assert "OrderPlaced has no field 'total'" in said["5"]
    assert "The key 'a' was used for another OrderPlaced" in said["6"]
    assert "`expect` names 'Order.mood'" in said["7"]


def test_a_sample_that_comes_to_something_else_is_named_and_fails_the_run(demo, written):
    ran = demo(*written(ordered("declined", payment_method="pm_card_chargeDeclined")))
    assert ran.returncode == 1
    assert "mine/orders.jsonl:1 (declined): Order.status = paid expected, found unpaid" in ran.stdout


def test_a_folder_without_samples_is_named(demo, tmp_path):
    ran = demo("--samples", tmp_path)
    assert ran.returncode == 1
    remedy = "Put files *.jsonl there, or name another folder with --samples."
    assert ran.stderr == f"There are no samples in {tmp_path}. {remedy}\n"


def test_calls_that_stay_open_are_named_when_the_time_is_over(demo, written):
    ran = demo("--timeout", "0.5", *written(donated("slow")))
    assert ran.returncode == 1
    assert re.search(
        r"Still open; run again to go on:\n  Speech \S+ is processing after 1 attempts", ran.stdout
    )


def test_a_port_that_is_taken_is_named(demo):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = demo("--port", port)
    assert ran.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken." in ran.stderr
    assert "Traceback" not in ran.stderr


def test_half_of_the_credentials_are_not_enough_and_the_other_half_is_named(demo):
    ran = demo(STRIPE_SECRET_KEY="sk_test_mine")
    assert ran.returncode == 1
    assert ran.stderr.startswith(
        "❌ Missing credentials:\n  STRIPE_WEBHOOK_SECRET (env://STRIPE_WEBHOOK_SECRET)"
    )
    assert "DEEPL" not in ran.stderr
    assert "sk_test_mine" not in ran.stdout + ran.stderr


def test_a_database_that_is_open_elsewhere_is_named(demo, demo_command, tmp_path, bare_environment):
    with subprocess.Popen(
        [*demo_command, "--fresh"], cwd=tmp_path, env=bare_environment, stdout=subprocess.DEVNULL
    ) as first:
        until_some_orders_are_stored(tmp_path / "millrace-demo.db", first)
        first.send_signal(signal.SIGSTOP)  # so that it does not end before the others have begun
        ran = demo()
        fresh = demo("--fresh")
        first.send_signal(signal.SIGCONT)
        first.send_signal(signal.SIGINT)
    for second in (ran, fresh):
        assert second.returncode == 1
        assert second.stderr == (
            "The database sqlite:///millrace-demo.db is open in another Millrace process, "
            "and SQLite takes one. Stop that process, or use PostgreSQL.\n"
        )


def test_a_database_that_is_none_is_named(demo, written, tmp_path):
    (tmp_path / "millrace-demo.db").write_bytes(b"this is a letter to my aunt, and no database at all" * 20)
    ran = demo()
    assert ran.returncode == 1
    assert "is not a usable database" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert demo("--fresh", *written(ordered("a"))).returncode == 0


@pytest.mark.parametrize("url", ["oracle://somewhere/db", "millrace.db"])
def test_a_database_of_an_unknown_kind_is_named(demo, url):
    ran = demo("--database", url)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"There is no support for '{url}'.")
