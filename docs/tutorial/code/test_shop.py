"""The parcel shop, tested with no vendor."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import select

from docs.tutorial.code import shop
from docs.tutorial.code.shop import Announcement, Delivered, Parcel, ParcelArrived, ParcelStatus, Shop
from framework.app import App, opened
from framework.clock import ManualClock
from framework.model.apicall import CallStatus, Standing
from framework.testing import emit

PHONE = "+43 1 5550100"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))


@pytest.fixture
def app(clock: ManualClock) -> Iterator[App]:
    with opened(App(modules=[shop], clock=clock)) as app:
        yield app
        assert app.verify() == []


def arrive(app: App, phone: str | None = PHONE) -> UUID:
    return app.dispatch(ParcelArrived(locker="A1", phone=phone)).id


def announcements(app: App) -> list[Announcement]:
    return app.query(select(Announcement))


def test_a_parcel_is_announced_when_the_message_has_arrived(app: App) -> None:
    parcel = arrive(app)
    [told] = announcements(app)
    emit(app, told, "completed", result=Delivered(parts=2))
    assert app.get(Parcel, parcel).status is ParcelStatus.ANNOUNCED
    assert app.get(Shop).parts == 2


def test_a_parcel_stays_unannounced_when_the_message_failed(app: App) -> None:
    parcel = arrive(app)
    [told] = announcements(app)
    emit(app, told, "failed", reason="The phone is switched off.")
    assert app.get(Parcel, parcel).status is ParcelStatus.UNANNOUNCED
    assert app.get(Announcement, told.id).error == "The phone is switched off."


def test_nobody_is_told_of_a_parcel_without_a_number(app: App) -> None:
    arrive(app, phone=None)
    assert announcements(app) == []


def test_a_corrected_parcel_is_not_announced_again(app: App) -> None:
    parcel = arrive(app)
    with app.transaction() as tx:
        tx.update(Parcel, parcel, locker="B7")
    assert len(announcements(app)) == 1


def test_what_is_told_twice_counts_once(app: App) -> None:
    arrive(app)
    [told] = announcements(app)
    first = emit(app, told, "completed", result=Delivered(parts=1), event_id="evt_1")
    again = emit(app, told, "completed", result=Delivered(parts=1), event_id="evt_1")
    assert (first, again) == (Standing.APPLIED, None)
    assert app.get(Shop).parts == 1


def test_what_contradicts_the_end_is_kept_and_moves_nothing(app: App) -> None:
    parcel = arrive(app)
    [told] = announcements(app)
    emit(app, told, "failed", reason="The phone is switched off.")
    assert emit(app, told, "completed", result=Delivered(parts=1)) is Standing.CONFLICT
    assert app.get(Announcement, told.id).status is CallStatus.FAILED
    assert app.get(Parcel, parcel).status is ParcelStatus.UNANNOUNCED


def test_a_parcel_is_overdue_after_seven_days(app: App, clock: ManualClock) -> None:
    parcel = arrive(app)
    clock.advance(timedelta(days=7, seconds=-1))
    assert app.tick() == 0
    clock.advance(timedelta(seconds=1))
    assert app.tick() == 1
    assert app.get(Parcel, parcel).overdue
    assert app.get(Shop).overdue == 1
