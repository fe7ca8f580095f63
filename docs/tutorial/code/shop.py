"""A parcel shop that tells people by text message that their parcel is here."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from framework import (
    APICall,
    Count,
    Deadline,
    Entity,
    Event,
    Field,
    Global,
    Payload,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    completed,
    computed,
    derive,
    failed,
)

KEPT_FOR = timedelta(days=7)


class ParcelStatus(StrEnum):
    """Whether the person knows of the parcel."""

    ARRIVED = "arrived"
    ANNOUNCED = "announced"
    UNANNOUNCED = "unannounced"


class ParcelArrived(Event, table=True):
    """A carrier put a parcel into a locker; without a phone number there is nobody to tell."""

    locker: str
    phone: str | None = None


class TextMessage(Payload):
    """What is to be sent, and to whom."""

    to: str
    text: str


class Delivered(Payload):
    """The message is on the phone, and cost so many parts."""

    parts: int


class Announcement(APICall, table=True):
    """The intent to tell somebody of a parcel."""

    parcel_id: UUID = Field(foreign_key="parcel.id", index=True)
    request: TextMessage
    result: Delivered | None = None


class Parcel(Entity, table=True):
    """What lies in a locker, and whether it is known and overdue."""

    locker: str
    phone: str | None
    arrived_at: datetime
    announcements: list[Announcement] = Relationship()

    parts: int = computed(Sum(announcements, lambda told: told.result.parts if told.result else None))
    status: ParcelStatus = computed(
        StateMachine(
            ParcelStatus.ARRIVED,
            Transition(ParcelStatus.ARRIVED, ParcelStatus.ANNOUNCED, when=completed(announcements)),
            Transition(ParcelStatus.ARRIVED, ParcelStatus.UNANNOUNCED, when=failed(announcements)),
            Transition(ParcelStatus.UNANNOUNCED, ParcelStatus.ANNOUNCED, when=completed(announcements)),
        )
    )
    overdue: bool = computed(
        Deadline(at=lambda parcel: parcel.arrived_at + KEPT_FOR, before=False, after=True)
    )


class Shop(Global, table=True):
    """All parcels together."""

    parcels: int = computed(Count(Parcel))
    announced: int = computed(Count(Parcel, lambda parcel: parcel.status is ParcelStatus.ANNOUNCED))
    overdue: int = computed(Count(Parcel, lambda parcel: parcel.overdue))
    parts: int = computed(Sum(Parcel, lambda parcel: parcel.parts))


@derive
def parcel(arrived: ParcelArrived) -> Parcel:
    """Whatever arrived is a parcel, under the same id."""
    return Parcel(id=arrived.id, locker=arrived.locker, phone=arrived.phone, arrived_at=arrived.at)


@derive
def announcement(parcel: Parcel) -> Announcement | None:
    """A parcel is announced once, if there is a number to announce it to."""
    if parcel.phone is None:
        return None
    message = TextMessage(to=parcel.phone, text=f"Your parcel is in locker {parcel.locker}.")
    return Announcement(parcel_id=parcel.id, request=message)
