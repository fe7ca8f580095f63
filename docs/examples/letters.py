"""Letters, written in one process and posted in another. `Letter.posted_by` says in which."""

import os
from typing import Any
from uuid import UUID

from framework import APICall, Entity, Event, Field, Latest, Payload, Relationship, computed, derive
from framework.app import App, Settings
from framework.integration import CallView, Completed, HTTPClient, Integration, Policy, Rate


class LetterWritten(Event, table=True):
    to: str


class Address(Payload):
    to: str


class Stamp(Payload):
    process: int


class Posting(APICall, table=True):
    letter_id: UUID = Field(foreign_key="letter.id", index=True)
    request: Address
    result: Stamp | None = None


class Letter(Entity, table=True):
    to: str
    postings: list[Posting] = Relationship()
    posted_by: int | None = computed(Latest(postings, lambda one: one.result.process if one.result else None))


@derive
def letter(written: LetterWritten) -> Letter:
    return Letter(id=written.id, to=written.to)


@derive
def posting(letter: Letter) -> Posting:
    return Posting(letter_id=letter.id, request=Address(to=letter.to))


def create_post_office() -> Integration[Any]:
    """It takes a hundred letters a second, eight at a time, and those to one person in order."""
    policy = Policy(rate=Rate(100, burst=10), concurrency=8, ordering_key=lambda call: call.request.to)
    office: Integration[Any] = Integration("office", policy=policy)

    @office.call(Posting)
    async def post(call: CallView[Address], http: HTTPClient) -> Completed:
        return Completed(Stamp(process=os.getpid()))

    return office


MODULE = [LetterWritten, Posting, Letter, letter, posting]


def create_app(database: str, *, works: bool = True) -> App:
    return App([MODULE], [create_post_office()], database, settings=Settings(works=works))


def app() -> App:
    """What `millrace work` and `millrace run` are given."""
    return create_app(os.environ.get("DATABASE_URL", "sqlite:///letters.db"))
