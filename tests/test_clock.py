"""The clocks."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from framework.clock import ManualClock, NaiveMoment, SystemClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_the_system_clock_tells_aware_utc_time() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.advance(timedelta(minutes=5)) == clock.now() == NOON + timedelta(minutes=5)


def test_a_manual_clock_can_be_set_back() -> None:
    clock = ManualClock(NOON)
    clock.advance(timedelta(hours=-1))
    assert clock.now() == NOON - timedelta(hours=1)


def test_a_manual_clock_tells_utc_wherever_it_was_started() -> None:
    clock = ManualClock(NOON.astimezone(timezone(timedelta(hours=8))))
    assert clock.now() == NOON
    assert clock.now().utcoffset() == timedelta(0)


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(NaiveMoment, match="has no time zone"):
        ManualClock(datetime(2026, 5, 1))  # noqa: DTZ001
