"""A token bucket as a value: the state and the time go in, the decision and the next state come out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from framework.integration.policy import Rate


@dataclass(frozen=True)
class Bucket:
    """So many tokens were there `at` a moment. A moment in the future holds everything until then."""

    tokens: float
    at: datetime


@dataclass(frozen=True)
class Taken:
    """Go ahead; `bucket` is what is left."""

    bucket: Bucket


@dataclass(frozen=True)
class WaitUntil:
    """Come back at `moment`; the bucket stays as it is."""

    moment: datetime


def full(rate: Rate, now: datetime) -> Bucket:
    """The bucket of somebody who has not called yet."""
    return Bucket(float(rate.burst), now)


def take(bucket: Bucket, rate: Rate, now: datetime) -> Taken | WaitUntil:
    """Take one token if one is there, or say when one will be.

    A clock that was set back gives no tokens and takes none away.
    """
    tokens = _tokens(bucket, rate, now)
    moment = max(bucket.at, now)
    if tokens >= 1 and now >= bucket.at:
        return Taken(Bucket(tokens - 1, moment))
    missing = max(0.0, 1 - tokens)
    # rounded up to what a clock can tell, or whoever comes back at the moment would come a little too early
    return WaitUntil(moment + timedelta(microseconds=int(missing / rate.per_second * 1e6) + 1))


def refitted(bucket: Bucket, rate: Rate, to: Rate, now: datetime) -> Bucket:
    """The bucket of another rate: what a smaller one does not hold is gone, a larger one fills in time."""
    return Bucket(min(float(to.burst), _tokens(bucket, rate, now)), max(bucket.at, now))


def hold(bucket: Bucket, until: datetime) -> Bucket:
    """Give nothing before `until`, then one token: the vendor asked everybody to wait, not one call."""
    return bucket if until <= bucket.at else Bucket(1.0, until)


def _tokens(bucket: Bucket, rate: Rate, now: datetime) -> float:
    elapsed = max(0.0, (now - bucket.at).total_seconds())
    return min(float(rate.burst), bucket.tokens + elapsed * rate.per_second)
