"""Retention: how long, or how many, records of a class are kept."""

from dataclasses import dataclass
from datetime import timedelta

from framework.model.record import Record
from framework.model.words import Word


@dataclass(frozen=True, eq=False)
class Retention(metaclass=Word):
    """Records of a class go when they are too old (`ttl`), or when there are too many newer ones (`cap`).

        Retention(LoggedIn, ttl=timedelta(days=30))
        Retention(Message, cap=100, per="channel_id")

    Age counts from the moment in the field `since`: by default from the `at` of an event. A cap counts all
    records of the class, or those that have the field `per` in common; the newest stay. Aggregates follow,
    and what an event has made outlives it. What is still referred to stays as long as it is, and
    `app.sweep()` tells.
    """

    model: type[Record]
    ttl: timedelta | None = None
    since: str | None = None
    cap: int | None = None
    per: str | None = None
