"""The agenda knows when to look, and stays small."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.integration.agenda import FINEST, Agenda
from framework.integration.outbox import Outbox

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Nobodys:
    """Stands for an outbox: the agenda only tells one from another."""


@pytest.fixture
def outbox() -> Outbox:
    return cast(Any, Nobodys())


def test_what_is_due_now_is_looked_at_now(outbox: Outbox) -> None:
    agenda = Agenda()
    assert agenda.note(outbox, NOON, NOON) is True
    assert agenda.take(NOON) == {outbox: False}
    assert agenda.take(NOON) == {}


def test_only_what_comes_first_needs_an_alarm(outbox: Outbox) -> None:
    agenda = Agenda()
    assert agenda.note(outbox, NOON + timedelta(seconds=9), NOON)
    assert not agenda.note(outbox, NOON + timedelta(seconds=20), NOON)
    assert agenda.note(outbox, NOON + timedelta(seconds=1), NOON)


def test_a_hundred_thousand_moments_of_a_day_are_some_hundred_entries(outbox: Outbox) -> None:
    agenda = Agenda()
    for number in range(100_000):
        agenda.note(outbox, NOON + timedelta(seconds=0.864 * number), NOON)
    entries = 0
    while (moment := agenda.next()) is not None:
        agenda.take(moment)
        entries += 1
    assert entries < 1500


@given(st.integers(0, 10**12))
def test_no_moment_is_missed(microseconds: int) -> None:
    """Looking again from each rounded moment comes to the exact one, and not later than it should."""
    outbox: Any = Nobodys()
    agenda, moment, now = Agenda(), NOON + timedelta(microseconds=microseconds), NOON
    agenda.note(outbox, moment, now)
    looks = 0
    while now < moment:
        upcoming = agenda.next()
        assert upcoming is not None, "forgotten"
        now = max(now, upcoming)
        (unknown,) = agenda.take(now).values()
        looks += 1
        if now < moment:
            assert unknown, "nobody would look again"
            agenda.note(outbox, moment, now)
    assert now - moment <= FINEST
    assert looks <= 20
