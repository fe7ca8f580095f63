"""A gate lets in as many calls as its vendor can take."""

from datetime import UTC, datetime, timedelta

from framework.errors import Declined, Transient
from framework.integration import Breaker, Policy, Rate
from framework.integration.gate import Gate, Room
from framework.integration.share import Share
from framework.integration.tidings import Tidings, What

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


def test_what_is_being_claimed_has_its_places_and_tokens() -> None:
    gate = Gate("acme", Policy(concurrency=4, rate=Rate(1, burst=3)))
    gate.expected = 1
    assert gate.room(NOON).places == 2
    gate.enter(2, NOON)
    assert gate.room(NOON).places == 0
    gate.expected = 0
    assert gate.room(NOON).places == 1


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


def neighbours(policy: Policy) -> tuple[Gate, Gate]:
    """The gates of two workers, of which one hears at once what the other tells."""
    here, there = Gate("acme", policy), Gate("acme", policy)
    here.tell = lambda tidings: there.hear(Tidings.read(tidings.said()), NOON)
    there.tell = lambda tidings: here.hear(Tidings.read(tidings.said()), NOON)
    return here, there


def test_a_smaller_share_lets_what_is_under_way_end() -> None:
    gate = Gate("acme", Policy(concurrency=4))
    gate.enter(4, NOON)
    gate.divide(Share(1, None), NOON)
    for _ in range(3):
        assert gate.room(NOON) == Room(0)
        gate.leave(None, NOON, probe=False)
    assert gate.room(NOON) == Room(0)
    gate.leave(None, NOON, probe=False)
    assert gate.room(NOON) == Room(1)


def test_who_has_no_share_starts_nothing() -> None:
    gate = Gate("acme", Policy(concurrency=1, rate=Rate(1)))
    gate.divide(Share(0, Rate(0.5)), NOON)
    assert gate.room(NOON + timedelta(days=1)) == Room(0)


def test_a_larger_share_brings_no_tokens_and_a_smaller_one_keeps_what_it_holds() -> None:
    policy = Policy(concurrency=10, rate=Rate(2, burst=4))
    gate = Gate("acme", policy)
    gate.divide(Share(5, Rate(1, burst=2)), NOON)
    assert gate.room(NOON).places == 2
    gate.divide(Share(10, policy.rate), NOON)
    assert gate.room(NOON).places == 2
    assert gate.room(NOON + timedelta(seconds=0.5)).places == 3


def test_who_is_new_among_others_begins_without_tokens() -> None:
    gate = Gate("acme", Policy(rate=Rate(2, burst=4)))
    gate.divide(Share(4, Rate(1, burst=2)), NOON, is_new=True)
    room = gate.room(NOON)
    assert (room.places, gate.room(NOON + timedelta(seconds=1)).places) == (0, 1)
    assert room.until is not None


def test_what_a_vendor_asks_of_one_worker_is_heard_by_the_other() -> None:
    here, there = neighbours(Policy())
    later = NOON + timedelta(seconds=30)
    here.hold(later)
    there.hold(NOON + timedelta(seconds=10))
    assert there.room(NOON) == here.room(NOON) == Room(0, later)
    here.pause("401")
    assert (there.paused, there.room(later)) == ("401", Room(0))
    there.resume()
    assert (here.paused, here.room(NOON)) == (None, Room(8))


def test_what_is_wrong_in_one_process_alone_is_not_told() -> None:
    here, there = neighbours(Policy())
    here.pause("no ACME_API_KEY", only_here=True)
    assert (here.paused, there.paused) == ("no ACME_API_KEY", None)


def test_of_two_workers_the_one_at_which_the_breaker_opened_probes() -> None:
    here, there = neighbours(Policy(breaker=Breaker(threshold=1, reset=30)))
    here.leave(Transient("503"), NOON, probe=here.enter(1, NOON))
    assert (here.condition, there.condition) == ("open", "open")
    later = NOON + timedelta(seconds=30)
    assert there.room(later) == Room(0, later + timedelta(seconds=30))
    probe = here.enter(1, later)
    assert probe
    assert there.room(later + timedelta(seconds=59)).places == 0
    here.leave(None, later, probe=probe)
    assert (here.condition, there.condition, there.room(later)) == ("closed", "closed", Room(8))


def test_of_two_at_which_it_opened_the_first_probes() -> None:
    policy = Policy(breaker=Breaker(threshold=1, reset=30))
    here, there = Gate("acme", policy), Gate("acme", policy)
    told: list[Tidings] = []
    here.tell = there.tell = told.append
    a_little_later = NOON + timedelta(milliseconds=5)
    for gate, now in ((here, NOON), (there, a_little_later)):
        gate.leave(Transient("503"), now, probe=gate.enter(1, now))
    first, second = told
    here.hear(second, a_little_later)
    there.hear(first, a_little_later)
    later = a_little_later + timedelta(seconds=30)
    assert (here.room(later).places, there.room(later).places) == (1, 0)


def test_if_nothing_is_heard_of_the_probe_another_goes() -> None:
    policy = Policy(breaker=Breaker(threshold=1, reset=30))
    there = Gate("acme", policy)
    there.hear(Tidings("acme", What.OPENED, NOON + timedelta(seconds=30)), NOON)
    assert there.room(NOON + timedelta(seconds=59)).places == 0
    assert there.room(NOON + timedelta(seconds=60)).places == 1


def test_who_comes_later_is_told_what_lasts() -> None:
    gate = Gate("acme", Policy(breaker=Breaker(threshold=1, reset=30)))
    assert gate.known(NOON) == []
    gate.hold(NOON + timedelta(seconds=10))
    gate.leave(Transient("503"), NOON, probe=gate.enter(1, NOON))
    opened = Tidings("acme", What.OPENED, NOON + timedelta(seconds=30))
    assert gate.known(NOON) == [Tidings("acme", What.HELD, NOON + timedelta(seconds=10)), opened]
    assert gate.known(NOON + timedelta(seconds=10)) == [opened]
    other = Gate("acme", gate.policy)
    other.hear(opened, NOON)
    assert other.known(NOON) == [], "who opened it tells"


def test_who_works_is_told_of_no_pause_and_who_only_listens_of_all_that_is_known() -> None:
    gate = Gate("acme", Policy(breaker=Breaker(threshold=1, reset=30)))
    opened = Tidings("acme", What.OPENED, NOON + timedelta(seconds=60))
    gate.hear(Tidings("acme", What.OPENED, NOON + timedelta(seconds=30)), NOON)
    gate.pause("401")
    assert gate.known(NOON) == []
    assert gate.known(NOON, works=False) == [opened, Tidings("acme", What.PAUSED, reason="401")]
    gate.resume()
    gate.pause("no ACME_API_KEY", only_here=True)
    assert gate.known(NOON, works=False) == []


def test_a_pause_that_is_doubted_is_over_for_all_with_the_next_call_that_is_well() -> None:
    here, there = neighbours(Policy())
    here.pause("401")
    here.doubt()
    here.leave(Transient("503"), NOON, probe=here.enter(1, NOON))
    assert (here.paused, there.paused) == (None, "401"), "nobody knows yet"
    here.leave(None, NOON, probe=here.enter(1, NOON))
    assert (here.paused, there.paused) == (None, None)


def test_a_pause_that_was_doubted_in_vain_is_in_doubt_no_more() -> None:
    here, there = neighbours(Policy())
    here.pause("401")
    here.doubt()
    here.pause("403")
    assert (here.paused, there.paused) == ("403", "401")
    here.leave(None, NOON, probe=here.enter(1, NOON))
    assert there.paused == "401", "what was sent before says nothing"
