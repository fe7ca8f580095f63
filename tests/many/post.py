"""A post that gives letters up soon, and a board that keeps what is pinned to it for a while."""

from datetime import timedelta
from typing import Any

from framework import APICall, Count, Entity, Event, Global, Payload, Retention, computed, derive
from framework.integration import CallView, Completed, Failed, HTTPClient, Integration, Retry
from tests.many.shop import Address, ask, policy, verdict
from tests.many.vendor import Mood

KEPT = 2
"""So many notes of each channel are kept."""


class LetterWritten(Event, table=True):
    to: str
    mood: Mood


class LetterRequest(Payload):
    to: str
    mood: Mood


class Letter(APICall, table=True):
    request: LetterRequest


class Sheet(Entity, table=True):
    """Of which notes are torn, from this number on."""

    first: int


class Pinned(Event, table=True):
    channel: str
    number: int


class Flashed(Event, table=True):
    number: int


class Board(Global, table=True):
    pinned: int = computed(Count(Pinned))
    flashed: int = computed(Count(Flashed))


@derive
def letter(written: LetterWritten) -> Letter:
    return Letter(request=LetterRequest(to=written.to, mood=written.mood))


MODULE = [
    LetterWritten,
    Letter,
    letter,
    Sheet,
    Pinned,
    Flashed,
    Board,
    Retention(Pinned, cap=KEPT, per="channel"),
    Retention(Flashed, ttl=timedelta(seconds=0.5)),
]


def create_post(address: Address) -> Integration[Any]:
    """It sends a letter soon or not at all, and never one that may have arrived."""
    soon = Retry(max_attempts=4, base=0.2, factor=1, cap=0.2)
    post = Integration(
        "post",
        settings=address,
        policy=policy(soon, concurrency=4, on_doubt="fail", deadline=timedelta(seconds=0.3)),
    )

    @post.call(Letter)
    async def send(call: CallView[LetterRequest], http: HTTPClient) -> Completed | Failed:
        about = call.request.to, str(call.id)
        answer = await ask(http, "/letters", call.idempotency_key, *about, mood=call.request.mood)
        return verdict(answer) or Completed()

    return post
