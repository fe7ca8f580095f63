"""The time of day, given to whoever needs it, so that tests decide what time it is."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol

from framework.errors import DeclarationError


class NaiveMoment(DeclarationError):
    """{moment} has no time zone. Give an aware datetime, such as `datetime(2026, 1, 1, tzinfo=UTC)`."""


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """The present moment, aware and in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is told to move; safe to share between threads."""

    def __init__(self, start: datetime) -> None:
        if getattr(start, "tzinfo", None) is None:
            raise NaiveMoment(moment=start)
        self._now = start.astimezone(UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move on by `by` and say the new time. A negative `by` is a clock that was set back."""
        with self._lock:
            self._now += by
            return self._now
