"""The agenda: when to look into which outbox next, known from what was committed and not by asking."""

import threading
from datetime import datetime, timedelta
from heapq import heappop, heappush

from framework.integration.outbox import Outbox

FINEST = timedelta(milliseconds=2)
COARSENESS = 64
"""A moment that is d away is remembered to d/64, so a day takes some hundreds of entries at most."""


class Agenda:
    """Moments at which there may be something to do. Safe to share between threads.

    Far moments are rounded down and looked at more closely when they come near, so that calls that are over
    by then cost nothing. A moment is never late by more than `FINEST`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heap: list[tuple[datetime, int, bool]] = []
        self._known: set[tuple[datetime, int, bool]] = set()
        self._outboxes: list[Outbox | None] = []
        self._number: dict[Outbox | None, int] = {}

    def note(self, outbox: Outbox | None, moment: datetime, now: datetime, *, sure: bool = True) -> bool:
        """Remember to look at `moment`; returns whether that comes before all else that is known.

        Not `sure`: nobody knows what comes after that moment. No `outbox`: there is another reason to look.
        """
        distance = moment - now
        grain = FINEST
        while grain * COARSENESS * 2 < distance:
            grain *= 2
        rounded = moment > now and grain > FINEST
        if rounded:
            moment -= (moment - datetime.min.replace(tzinfo=moment.tzinfo)) % grain
        elif moment > now:
            moment += -(moment - datetime.min.replace(tzinfo=moment.tzinfo)) % FINEST
        with self._lock:
            number = self._numbered(outbox)
            entry = moment, number, rounded or not sure
            if entry in self._known:
                return False
            first = not self._heap or moment < self._heap[0][0]
            self._known.add(entry)
            heappush(self._heap, entry)
            return first

    def take(self, now: datetime) -> dict[Outbox | None, bool]:
        """The outboxes to look into now; True where only the database knows what comes after that."""
        due: dict[Outbox | None, bool] = {}
        with self._lock:
            while self._heap and self._heap[0][0] <= now:
                entry = heappop(self._heap)
                self._known.discard(entry)
                outbox = self._outboxes[entry[1]]
                due[outbox] = due.get(outbox, False) or entry[2]
        return due

    def next(self) -> datetime | None:
        """The first moment at which there may be something to do."""
        with self._lock:
            return self._heap[0][0] if self._heap else None

    def _numbered(self, outbox: Outbox | None) -> int:
        if outbox not in self._number:
            self._number[outbox] = len(self._outboxes)
            self._outboxes.append(outbox)
        return self._number[outbox]
