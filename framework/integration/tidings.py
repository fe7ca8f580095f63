"""Tidings: what one worker found out about a vendor, told to those of other processes.

Nobody relies on them: who misses some finds out for himself, by a call or a few.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

LONGEST_REASON = 500
"""So many characters of a reason are told; all of them are where it was found out."""


class What(StrEnum):
    """What there is to tell of a vendor, and of the integration that calls it."""

    HELD = "held"  # it asked to be left alone until then
    OPENED = "opened"  # it does not answer; who tells it tries again then, with one call
    CLOSED = "closed"  # it answers again
    PAUSED = "paused"  # it needs attention, for this reason
    RESUMED = "resumed"  # somebody saw to it


@dataclass(frozen=True)
class Tidings:
    """`until` is told where it is held or opened, `reason` where it is paused."""

    integration: str
    what: What
    until: datetime | None = None
    reason: str = ""

    def said(self) -> list[Any]:
        """It as it is told."""
        until = None if self.until is None else self.until.timestamp()
        return [self.integration, self.what, until, self.reason[:LONGEST_REASON]]

    @classmethod
    def read(cls, said: list[Any]) -> "Tidings":
        """What was told. Raises ValueError or TypeError for what is not understood."""
        integration, what, until, reason = said
        moment = None if until is None else datetime.fromtimestamp(until, UTC)
        return cls(integration, What(what), moment, reason)
