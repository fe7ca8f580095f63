"""The gate of one integration: how many of its calls may start now, as its vendor's answers have it."""

from dataclasses import dataclass
from datetime import datetime

from framework.integration.breaker import (
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
from framework.integration.policy import Policy
from framework.integration.rate import Bucket, WaitUntil, full, take
from framework.observe import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls may start now; if none may, `until` is when to come back (None: when something ends)."""

    places: int
    until: datetime | None = None


class Gate:
    """Counts what is under way at one vendor. Belongs to one worker, and is used on its event loop alone."""

    def __init__(self, name: str, policy: Policy) -> None:
        self.name = name
        self.policy = policy
        self.running = 0
        self.breaker: State = Closed()
        self.paused: str | None = None
        self.last_error: str | None = None
        self._bucket: Bucket | None = None
        self._held_until: datetime | None = None

    def room(self, now: datetime) -> Room:
        """How many calls may start at this moment."""
        if self.paused is not None:
            return Room(0)
        if (until := self.left_alone_until(now)) is not None:
            return Room(0, until)
        free = self.policy.concurrency - self.running
        if free <= 0:
            return Room(0)
        return self._with_tokens(free if isinstance(self.breaker, Closed) else 1, now)

    def left_alone_until(self, now: datetime) -> datetime | None:
        """When the vendor may be called again that asked to wait, or does not answer; None for now."""
        if self._held_until is not None and now < self._held_until:
            return self._held_until
        admission = admit(self.breaker, self.policy.breaker, now)
        return admission.until if isinstance(admission, Refused) else None

    def rate_reached_until(self, now: datetime) -> datetime | None:
        """When the rate allows for another call; None for now."""
        return self._with_tokens(1, now).until

    def enter(self, calls: int, now: datetime) -> bool:
        """So many calls start, no more than there was room for; whether they probe an open breaker."""
        if calls == 0:
            return False
        admission = admit(self.breaker, self.policy.breaker, now)
        probe = not isinstance(admission, Refused) and admission.probe
        if not isinstance(admission, Refused):
            self.breaker = admission.state
        self.running += calls
        if self.policy.rate is not None:
            for _ in range(calls):
                taken = take(self._tokens(now), self.policy.rate, now)
                if not isinstance(taken, WaitUntil):
                    self._bucket = taken.bucket
        return probe

    def leave(self, error: Exception | None, now: datetime, *, probe: bool) -> None:
        """A call ended, and its end says whether the vendor is well."""
        self.running -= 1
        if error is None or not counts(error):
            self.breaker = succeeded(self.breaker, probe=probe)
            return
        before = self.breaker
        self.breaker = failed(before, self.policy.breaker, now, probe=probe)
        if isinstance(self.breaker, Open) and not isinstance(before, Open):
            _log.warning(
                "an integration does not answer; it is left alone for a while",
                integration=self.name,
                until=self.breaker.until.isoformat(),
            )

    def forget(self) -> None:
        """A call that had started came to no end."""
        self.running -= 1

    def hold(self, until: datetime) -> None:
        """The vendor asked to be left alone until then."""
        if self._held_until is None or until > self._held_until:
            self._held_until = until

    def pause(self, reason: str) -> None:
        """No call starts until somebody resumes; says so once."""
        if self.paused is None:
            _log.error(
                "an integration needs attention and is paused",
                integration=self.name,
                reason=reason,
                remedy=f"mend it, then call app.resume({self.name!r})",
            )
        self.paused = reason

    def resume(self) -> None:
        """Calls may start again, and the vendor is taken for well."""
        self.paused = None
        self.breaker = Closed()
        self._held_until = None

    @property
    def condition(self) -> str:
        """The breaker's state in a word."""
        match self.breaker:
            case Closed():
                return "closed"
            case Open():
                return "open"
            case HalfOpen():
                return "half-open"

    def _with_tokens(self, wanted: int, now: datetime) -> Room:
        rate = self.policy.rate
        if rate is None:
            return Room(wanted)
        bucket, places = self._tokens(now), 0
        while places < wanted:
            taken = take(bucket, rate, now)
            if isinstance(taken, WaitUntil):
                return Room(places, taken.moment)
            bucket, places = taken.bucket, places + 1
        return Room(places)

    def _tokens(self, now: datetime) -> Bucket:
        if self.policy.rate is None:
            return Bucket(0.0, now)
        return self._bucket or full(self.policy.rate, now)
