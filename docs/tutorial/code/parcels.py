"""A parcel shop: parcels arrive, lie in lockers, and weigh something."""

from uuid import UUID

from framework import Count, Entity, Event, Field, Relationship, Sum, computed, derive


class ParcelArrived(Event, table=True):
    """A carrier put a parcel into a locker."""

    locker_id: UUID = Field(foreign_key="locker.id", index=True)
    phone: str
    grams: int = Field(gt=0)


class Parcel(Entity, table=True):
    """What lies in a locker, and for whom."""

    locker_id: UUID = Field(foreign_key="locker.id", index=True)
    phone: str
    grams: int


class Locker(Entity, table=True):
    """A box with a name; how full it is follows from its parcels."""

    name: str
    parcels: list[Parcel] = Relationship()

    waiting: int = computed(Count(parcels))
    grams: int = computed(Sum(parcels, lambda parcel: parcel.grams))


@derive
def parcel(arrived: ParcelArrived) -> Parcel:
    """Whatever arrived is a parcel, under the same id."""
    return Parcel(id=arrived.id, locker_id=arrived.locker_id, phone=arrived.phone, grams=arrived.grams)
