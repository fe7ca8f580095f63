"""The gate of one integration: how many of its calls may start now, as its vendor's answers have it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from framework.integration.breaker import (
    Closed,
    Elsewhere,
    HalfOpen,
    Open,
    Refused,
    State,
    admit,
    counts,
    failed,
    opened_elsewhere,
    succeeded,
)
from framework.integration.policy import Policy, Rate
from framework.integration.rate import Bucket, WaitUntil, full, refitted, take
from framework.integration.share import Share, whole
from framework.integration.tidings import Tidings, What
from framework.observe import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls may start now; if none may, `until` is when to come back (None: when something ends)."""

    places: int
    until: datetime | None = None


class Gate:
    """Counts what is under way at one vendor. Belongs to one worker, and is used on its event loop alone.

    `share` is what that worker may do of what the policy allows for. So many calls are `running`; so many are
    `expected`, because they are being claimed. What it finds out it tells by `tell`.
    """

    def __init__(self, name: str, policy: Policy) -> None:
        self.name = name
        self.policy = policy
        self.share = whole(policy)
        self.tell: Callable[[Tidings], None] | None = None
        self.running = 0
        self.expected = 0
        self.breaker: State = Closed()
        self.paused: str | None = None
        self.last_error: str | None = None
        self._is_told = False  # that it is paused
        self._is_in_doubt = False  # whether it still is
        self._bucket: Bucket | None = None
        self._held_until: datetime | None = None

    def room(self, now: datetime) -> Room:
        """How many calls may start at this moment."""
        if self.paused is not None:
            return Room(0)
        if (until := self.left_alone_until(now)) is not None:
            return Room(0, until)
        free = self.share.concurrency - self.running
        if free <= self.expected:
            return Room(0)
        room = self._with_tokens(free if isinstance(self.breaker, Closed) else 1, now)
        return Room(max(0, room.places - self.expected), room.until) if self.expected else room

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
        if (rate := self.share.rate) is not None:
            for _ in range(calls):
                taken = take(self._tokens(rate, now), rate, now)
                if not isinstance(taken, WaitUntil):
                    self._bucket = taken.bucket
        if probe:
            self._tell_of_breaker()
        return probe

    def leave(self, error: Exception | None, now: datetime, *, probe: bool) -> None:
        """A call ended, and its end says whether the vendor is well."""
        self.running -= 1
        before = self.breaker
        if error is None and self._is_in_doubt:
            self._is_in_doubt = False
            self._tell(What.RESUMED)
        if error is None or not counts(error):
            self.breaker = succeeded(before, probe=probe)
            if not isinstance(before, Closed) and isinstance(self.breaker, Closed):
                self._tell(What.CLOSED)
            return
        self.breaker = failed(before, self.policy.breaker, now, probe=probe)
        if isinstance(self.breaker, Open) and not isinstance(before, Open):
            self._tell_of_breaker()
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
        if self._hold(until):
            self._tell(What.HELD, until)

    def pause(self, reason: str, *, only_here: bool = False) -> None:
        """No call starts until somebody resumes; says so once. `only_here`: other processes need not."""
        if self.paused is None:
            self._is_told, self._is_in_doubt = not only_here, False
            if not only_here:
                self._tell(What.PAUSED, reason=reason)
            _log.error(
                "an integration needs attention and is paused",
                integration=self.name,
                reason=reason,
                remedy=f"mend it, then call app.resume({self.name!r})",
            )
        self.paused = reason

    def resume(self) -> None:
        """Calls may start again, and the vendor is taken for well."""
        self.forget_all()
        self._tell(What.RESUMED)

    def divide(self, share: Share, now: datetime, *, is_new: bool = False) -> None:
        """From now on this worker may do so much.

        Who had no share, or is new among others, has no tokens yet: they had them.
        """
        if share == self.share and not is_new:
            return
        if self.share.rate is not None and share.rate is not None:
            had_none = is_new or self.share.concurrency == 0
            bucket = Bucket(0.0, now) if had_none else self._tokens(self.share.rate, now)
            self._bucket = refitted(bucket, self.share.rate, share.rate, now)
        self.share = share

    def hear(self, tidings: Tidings, now: datetime) -> None:
        """Another worker found out something about the vendor."""
        match tidings:
            case Tidings(what=What.HELD, until=datetime() as until):
                self._hold(until)
            case Tidings(what=What.OPENED, until=datetime() as until):
                self.breaker = opened_elsewhere(self.breaker, self.policy.breaker, until, now)
            case Tidings(what=What.CLOSED):
                self.breaker = succeeded(self.breaker, probe=True)
            case Tidings(what=What.PAUSED, reason=reason):
                if self.paused is None:
                    _log.warning(
                        "an integration is paused, as another worker found",
                        integration=self.name,
                        reason=reason,
                    )
                    self.paused, self._is_told = reason, True
            case Tidings(what=What.RESUMED):
                self.forget_all()

    def doubt(self) -> None:
        """Whether the integration is still paused nobody knows who missed what was told. A call finds out,
        and others are told.
        """
        self._is_in_doubt = self._is_in_doubt or (self.paused is not None and self._is_told)
        self.paused = None

    def forget_all(self) -> None:
        """Take the vendor for well."""
        self.paused = None
        self._is_in_doubt = False
        self.breaker = Closed()
        self._held_until = None

    def known(self, now: datetime, *, works: bool = True) -> list[Tidings]:
        """What somebody who has just come is to be told, as long as it lasts. Who `works` finds out by
        himself what needs attention: he may have what others lack.
        """
        found = []
        if self._held_until is not None and now < self._held_until:
            found.append(Tidings(self.name, What.HELD, self._held_until))
        if isinstance(self.breaker, Open | HalfOpen) or (not works and isinstance(self.breaker, Elsewhere)):
            found.append(Tidings(self.name, What.OPENED, self.breaker.until))
        if not works and self.paused is not None and self._is_told:
            found.append(Tidings(self.name, What.PAUSED, reason=self.paused))
        return found

    @property
    def condition(self) -> str:
        """The breaker's state in a word."""
        match self.breaker:
            case Closed():
                return "closed"
            case Open() | Elsewhere():
                return "open"
            case HalfOpen():
                return "half-open"

    def _with_tokens(self, wanted: int, now: datetime) -> Room:
        rate = self.share.rate
        if rate is None:
            return Room(wanted)
        bucket, places = self._tokens(rate, now), 0
        while places < wanted:
            taken = take(bucket, rate, now)
            if isinstance(taken, WaitUntil):
                return Room(places, taken.moment)
            bucket, places = taken.bucket, places + 1
        return Room(places)

    def _tokens(self, rate: Rate, now: datetime) -> Bucket:
        return self._bucket or full(rate, now)

    def _hold(self, until: datetime) -> bool:
        if self._held_until is not None and until <= self._held_until:
            return False
        self._held_until = until
        return True

    def _tell_of_breaker(self) -> None:
        if isinstance(self.breaker, Open | HalfOpen):
            self._tell(What.OPENED, self.breaker.until)

    def _tell(self, what: What, until: datetime | None = None, reason: str = "") -> None:
        if self.tell is not None:
            self.tell(Tidings(self.name, what, until, reason))
