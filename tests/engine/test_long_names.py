"""Names of any length: what is derived from them fits into every database, and no two become one."""

from contextlib import closing
from typing import Any
from uuid import UUID

from framework import Count, Entity, Field, Latest, Max, Relationship, computed, subset
from framework.app import App, opened

KEY = "department_that_reserves_meeting_rooms.id"


def module(*, whole: bool) -> Any:
    class ReservationOfAMeetingRoom(Entity, table=True):
        minutes: int = 0
        department_id: UUID | None = Field(default=None, foreign_key=KEY)

    class DepartmentThatReservesMeetingRooms(Entity, table=True):
        reservations: list[ReservationOfAMeetingRoom] = Relationship()
        if whole:
            reservations_that_take_more_than_one_hour: list[Any] = subset(
                reservations, lambda r: r.minutes > 60
            )
            reservations_that_take_more_than_two_hours: list[Any] = subset(
                reservations, lambda r: r.minutes > 120
            )
            minutes_of_the_longest_reservation_of_more_than_an_hour: int | None = computed(
                Max(reservations_that_take_more_than_one_hour, lambda r: r.minutes)
            )
            minutes_of_the_latest_reservation_of_more_than_two_hours: int | None = computed(
                Latest(reservations_that_take_more_than_two_hours, lambda r: r.minutes)
            )
            long: int = computed(Count(reservations_that_take_more_than_one_hour))
            longer: dict[int, int] = computed(
                Count(reservations_that_take_more_than_two_hours, by=lambda r: r.minutes)
            )

    return [ReservationOfAMeetingRoom, DepartmentThatReservesMeetingRooms]


def filled(app: App, reservation: Any, department: Any) -> UUID:
    with app.transaction() as tx:
        id: UUID = tx.add(department()).id
        for minutes in (50, 150, 130, 70):
            tx.add(reservation(minutes=minutes, department_id=id))
    return id


def is_true(app: App, department: Any, id: UUID) -> bool:
    found = app.get(department, id)
    return (found.long, found.longer) == (3, {150: 1, 130: 1}) and (
        found.minutes_of_the_longest_reservation_of_more_than_an_hour,
        found.minutes_of_the_latest_reservation_of_more_than_two_hours,
    ) == (150, 130)


def test_names_that_begin_alike_are_told_from_each_other(database_url: str) -> None:
    declared = module(whole=True)
    with opened(App([declared], database=database_url)) as app:
        id = filled(app, *declared)
        assert is_true(app, declared[1], id)
        assert app.verify() == []
    with opened(App([module(whole=True)], database=database_url)) as app:
        assert app.migration().is_empty


def test_long_names_are_migrated_to(database_url: str) -> None:
    with opened(App([declared := module(whole=False)], database=database_url)) as app:
        id = filled(app, *declared)
    declared = module(whole=True)
    with closing(App([declared], database=database_url)) as app:
        assert app.migrate() == []
        assert is_true(app, declared[1], id)
        assert app.migration().is_empty
