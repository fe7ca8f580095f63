"""A donor is thanked by a voice, once for every donation."""

from enum import StrEnum
from uuid import UUID

from framework import (
    APICall,
    Count,
    Entity,
    Event,
    Field,
    Global,
    Latest,
    Max,
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


class DonationStatus(StrEnum):
    """Where a donation stands: it counts in every state, thanked or not."""

    RECEIVED = "received"
    THANKED = "thanked"
    UNTHANKED = "unthanked"


class DonationReceived(Event, table=True):
    """Somebody gave money, and chose the voice of the thanks."""

    donor: str = Field(min_length=1)
    amount_cents: int = Field(gt=0)
    speaker: str = "zh_female_vv_uranus_bigtts"


class SpeechRequest(Payload):
    """A text, and the voice that is to say it."""

    text: str
    speaker: str


class Recording(Payload):
    """Where the spoken text can be heard."""

    audio_url: str


class Speech(APICall, table=True):
    """The intent to have thanks spoken."""

    donation_id: UUID = Field(foreign_key="donation.id", index=True)
    request: SpeechRequest
    result: Recording | None = None


class Donation(Entity, table=True):
    """What was given, and where the thanks can be heard."""

    donor: str
    amount_cents: int
    speaker: str
    thanks: list[Speech] = Relationship()

    audio_url: str | None = computed(Latest(thanks, lambda s: s.result.audio_url if s.result else None))
    status: DonationStatus = computed(
        StateMachine(
            DonationStatus.RECEIVED,
            Transition(DonationStatus.RECEIVED, DonationStatus.THANKED, when=completed(thanks)),
            Transition(DonationStatus.RECEIVED, DonationStatus.UNTHANKED, when=failed(thanks)),
        )
    )


class Fund(Global, table=True):
    """All donations together."""

    donations: int = computed(Count(Donation))
    total_cents: int = computed(Sum(Donation, lambda d: d.amount_cents))
    largest_cents: int | None = computed(Max(Donation, lambda d: d.amount_cents))
    thanked: int = computed(Count(Donation, lambda d: d.status is DonationStatus.THANKED))


@derive
def donation(received: DonationReceived) -> Donation:
    """Every received donation is a donation, under the same id."""
    return Donation(
        id=received.id,
        donor=received.donor,
        amount_cents=received.amount_cents,
        speaker=received.speaker,
    )


@derive
def thanks(donation: Donation) -> Speech:
    """Every donor is thanked once, by name and with the amount."""
    euros, cents = divmod(donation.amount_cents, 100)
    text = f"Thank you, {donation.donor}, for your {euros}.{cents:02} euros."
    return Speech(donation_id=donation.id, request=SpeechRequest(text=text, speaker=donation.speaker))
