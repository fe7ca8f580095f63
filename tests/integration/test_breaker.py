"""The circuit breaker."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import Declined, InDoubt, NeedsAttention, Permanent, Transient
from framework.integration import Breaker
from framework.integration.breaker import (
    Admitted,
    Closed,
    HalfOpen,
    Open,
    Refused,
    State,
    admit,
    counts,
    failed,
    succeeded,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RULES = Breaker(threshold=3, reset=30)
LATER = NOON + timedelta(seconds=30)


def opened() -> State:
    state: State = Closed()
    for _ in range(3):
        state = failed(state, RULES, NOON, probe=False)
    return state


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    assert opened() == Open(LATER)
    assert admit(opened(), RULES, NOON) == Refused(LATER)


def test_a_success_in_between_starts_the_count_again() -> None:
    state = succeeded(
        failed(failed(Closed(), RULES, NOON, probe=False), RULES, NOON, probe=False), probe=False
    )
    assert state == Closed(0)


def test_when_its_time_is_over_one_probe_goes_and_the_others_wait() -> None:
    probe = admit(opened(), RULES, LATER)
    assert probe == Admitted(HalfOpen(LATER + timedelta(seconds=30)), probe=True)
    assert isinstance(admit(probe.state, RULES, LATER), Refused)


def test_a_probe_that_succeeds_closes_it_and_one_that_fails_opens_it_again() -> None:
    half = HalfOpen(LATER)
    assert succeeded(half, probe=True) == Closed()
    assert failed(half, RULES, LATER, probe=True) == Open(LATER + timedelta(seconds=30))


@pytest.mark.parametrize("state", [Open(LATER), HalfOpen(LATER)])
def test_what_started_before_it_opened_changes_nothing(state: State) -> None:
    assert succeeded(state, probe=False) == state
    assert failed(state, RULES, LATER, probe=False) == state


def test_a_probe_that_was_never_heard_of_makes_room_for_another() -> None:
    assert admit(HalfOpen(LATER), RULES, LATER) == Admitted(
        HalfOpen(LATER + timedelta(seconds=30)), probe=True
    )


def test_only_the_vendors_health_counts() -> None:
    assert counts(Transient("503"))
    assert counts(InDoubt("lost"))
    assert not counts(Transient("429", retry_after=timedelta(seconds=1)))
    for answer in (Permanent("400"), Declined("no"), NeedsAttention("401")):
        assert not counts(answer)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=200))
def test_at_most_one_probe_is_under_way_and_a_well_vendor_is_always_reached_again(
    story: list[tuple[bool, int]],
) -> None:
    state: State = Closed()
    now = NOON
    for well, seconds in story:
        now += timedelta(seconds=seconds)
        admission = admit(state, RULES, now)
        if isinstance(admission, Refused):
            assert admission.until > now
            continue
        if admission.probe:
            assert isinstance(admit(admission.state, RULES, now), Refused)
        state = (
            succeeded(admission.state, probe=admission.probe)
            if well
            else failed(admission.state, RULES, now, probe=admission.probe)
        )
    now += timedelta(seconds=31)
    last = admit(state, RULES, now)
    assert isinstance(last, Admitted)
    assert isinstance(succeeded(last.state, probe=last.probe), Closed)
