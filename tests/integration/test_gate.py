"""A gate lets in as many calls as its vendor can take."""

from datetime import UTC, datetime, timedelta

from framework.errors import Declined, Transient
from framework.integration import Breaker, Policy, Rate
from framework.integration.gate import Gate, Room

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_there_is_room_for_as_many_as_may_run_at_once() -> None:
    gate = Gate("acme", Policy(concurrency=3))
    gate.enter(2, NOON)
    assert gate.room(NOON) == Room(1)
    gate.enter(1, NOON)
    assert gate.room(NOON) == Room(0)
    gate.leave(None, NOON, probe=False)
    assert gate.room(NOON) == Room(1)


def test_the_rate_says_when_to_come_back() -> None:
    gate = Gate("acme", Policy(concurrency=10, rate=Rate(2, burst=3)))
    assert gate.room(NOON).places == 3
    gate.enter(3, NOON)
    room = gate.room(NOON)
    assert room.places == 0
    assert room.until is not None
    assert timedelta(0) < room.until - NOON <= timedelta(seconds=0.51)
    assert gate.room(room.until).places == 1


def test_looking_takes_no_tokens() -> None:
    gate = Gate("acme", Policy(rate=Rate(1, burst=2)))
    assert [gate.room(NOON).places for _ in range(3)] == [2, 2, 2]


def test_a_vendor_that_names_a_time_is_left_alone_until_then() -> None:
    gate = Gate("acme", Policy())
    later = NOON + timedelta(seconds=30)
    gate.hold(later)
    gate.hold(NOON + timedelta(seconds=10))
    assert gate.room(NOON) == Room(0, later)
    assert gate.room(later).places > 0


def test_an_open_breaker_lets_one_probe_in_after_a_while() -> None:
    gate = Gate("acme", Policy(concurrency=5, breaker=Breaker(threshold=2, reset=30)))
    for _ in range(2):
        gate.enter(1, NOON)
        gate.leave(Transient("503"), NOON, probe=False)
    later = NOON + timedelta(seconds=30)
    assert (gate.condition, gate.room(NOON)) == ("open", Room(0, later))
    assert gate.room(later) == Room(1)
    probe = gate.enter(1, later)
    assert (probe, gate.condition) == (True, "half-open")
    gate.leave(None, later, probe=probe)
    assert (gate.condition, gate.room(later)) == ("closed", Room(5))


def test_a_vendor_that_says_no_is_well() -> None:
    gate = Gate("acme", Policy(breaker=Breaker(threshold=1)))
    gate.enter(1, NOON)
    gate.leave(Declined("no"), NOON, probe=False)
    assert gate.condition == "closed"


def test_a_paused_gate_is_closed_until_somebody_resumes() -> None:
    gate = Gate("acme", Policy())
    gate.pause("401")
    assert gate.room(NOON) == Room(0)
    gate.resume()
    assert gate.room(NOON).places > 0
