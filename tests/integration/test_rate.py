"""The token bucket."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from framework.integration import Rate
from framework.integration.rate import Bucket, Taken, WaitUntil, full, hold, take

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RATE = Rate(per_second=2, burst=3)


def test_a_burst_goes_at_once_and_the_next_waits_for_its_token() -> None:
    bucket = full(RATE, NOON)
    for _ in range(3):
        taken = take(bucket, RATE, NOON)
        assert isinstance(taken, Taken)
        bucket = taken.bucket
    refused = take(bucket, RATE, NOON)
    assert isinstance(refused, WaitUntil)
    assert timedelta(seconds=0.5) <= refused.moment - NOON < timedelta(seconds=0.501)
    assert isinstance(take(bucket, RATE, refused.moment), Taken)


def test_a_long_rest_gives_no_more_than_a_burst() -> None:
    taken = take(Bucket(0, NOON), RATE, NOON + timedelta(days=1))
    assert isinstance(taken, Taken)
    assert taken.bucket.tokens == 2


def test_a_held_bucket_gives_nothing_until_then_and_one_after() -> None:
    until = NOON + timedelta(seconds=30)
    bucket = hold(full(RATE, NOON), until)
    assert take(bucket, RATE, NOON + timedelta(seconds=29)) == WaitUntil(until + timedelta(microseconds=1))
    taken = take(bucket, RATE, until)
    assert isinstance(taken, Taken)
    assert isinstance(take(taken.bucket, RATE, until), WaitUntil)


def test_holding_never_shortens_a_longer_hold() -> None:
    longer = hold(full(RATE, NOON), NOON + timedelta(minutes=5))
    assert hold(longer, NOON + timedelta(minutes=1)) == longer


@given(
    rate=st.builds(Rate, per_second=st.floats(0.1, 1_000), burst=st.integers(1, 50)),
    steps=st.lists(st.timedeltas(timedelta(seconds=-1), timedelta(seconds=5)), min_size=1, max_size=100),
)
def test_whatever_the_clock_does_no_more_goes_out_than_agreed(rate: Rate, steps: list[timedelta]) -> None:
    now, latest, bucket, taken = NOON, NOON, full(rate, NOON), 0
    for step in steps:
        now += step
        latest = max(latest, now)
        match take(bucket, rate, now):
            case Taken(left):
                bucket, taken = left, taken + 1
            case WaitUntil(moment):
                assert moment > now
    assert taken <= rate.burst + rate.per_second * (latest - NOON).total_seconds() + 1e-6


@given(
    rate=st.builds(Rate, per_second=st.floats(0.001, 1e5), burst=st.integers(1, 5)), tokens=st.floats(0, 5)
)
def test_whoever_comes_back_when_told_to_is_served(rate: Rate, tokens: float) -> None:
    bucket = Bucket(min(tokens, float(rate.burst)), NOON)
    match take(bucket, rate, NOON):
        case WaitUntil(moment):
            assert isinstance(take(bucket, rate, moment), Taken)
        case Taken(left):
            assert left.tokens >= 0
