"""A delivery that tells no more than that there is news makes the vendor be asked, at once and once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import APICall, Event, Payload, derive
from framework.app import App, opened
from framework.errors import InvariantBroken
from framework.integration import Completed, ExternalId, Integration, Outcome, Policy, PollNow, PollSchedule
from framework.integration.http import HTTPClient
from framework.integration.ingest import Source, ingest
from framework.model.apicall import CallStatus, IntegrationEvent, Standing

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = timedelta(minutes=10)


class Question(Payload):
    text: str


class Asked(Event, table=True):
    text: str


class Answering(APICall, table=True):
    request: Question


@derive
def answering(asked: Asked) -> Answering:
    return Answering(id=asked.id, request=Question(text=asked.text))


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment


def vendor(*, polls: bool = True) -> Integration[Any]:
    vendor: Integration[Any] = Integration("vendor", policy=Policy(poll=PollSchedule(first=3600, cap=3600)))

    @vendor.submit(Answering)
    async def submit(call: Any, http: HTTPClient) -> ExternalId:
        return ExternalId("resp_1")

    if polls:

        @vendor.poll(Answering)
        async def poll(call: Any, http: HTTPClient) -> Completed:
            return Completed()

    else:

        @vendor.reconcile(Answering)
        async def happened(since: datetime, http: HTTPClient) -> list[Outcome]:
            return []

    return vendor


class Story:
    """One call, what is said about it, and what its row in the outbox says then."""

    def __init__(self, app: App, clock: Hand) -> None:
        self.app, self.clock = app, clock
        self.shape = app.plan.shapes[Answering]
        self.id: UUID = app.dispatch(Asked(text="Why?")).id

    def said(self, source: Source, outcome: Any, *, own: bool = False) -> Standing | None:
        desk, call_id = self.app.desks[self.shape], self.id if own else None
        return self.app.engine.write(lambda tx: ingest(tx, desk, source, outcome, call_id=call_id))

    def submitted(self) -> None:
        self.said(Source.SUBMIT, ExternalId("resp_1"), own=True)

    def news(self, event_id: str | None = "wh_1") -> Standing | None:
        return self.said(Source.WEBHOOK, PollNow(external_id=ExternalId("resp_1"), event_id=event_id))

    def leased(self) -> None:
        """Somebody is polling."""
        until = self.clock.now() + timedelta(minutes=1)
        self.app.engine.write(lambda tx: self._set(tx, _leased_until=until, _due_at=until))

    def _set(self, tx: Any, **columns: Any) -> None:
        call = tx.work.find(self.shape, self.id)
        for name, value in columns.items():
            tx.work.set(call, name, value)

    @property
    def row(self) -> Any:
        found = self.app.engine.write(lambda tx: tx.work.find(self.shape, self.id))
        assert found is not None
        return found.after_row

    @property
    def events(self) -> list[IntegrationEvent]:
        return self.app.query(select(IntegrationEvent))


@pytest.fixture
def story() -> Iterator[Story]:
    clock = Hand()
    app = App([[Asked, Answering, answering]], [vendor()], clock=clock)
    with opened(app):
        yield Story(app, clock)


def test_news_of_a_call_that_is_with_the_vendor_makes_it_due_at_once(story: Story) -> None:
    story.submitted()
    assert story.row["_due_at"] == START + timedelta(hours=1)
    story.clock.moment += LATER
    assert story.news() is Standing.STALE
    assert story.row["_due_at"] == START + LATER
    assert story.row["status"] is CallStatus.PROCESSING
    (told,) = [event for event in story.events if event.code == "poll_now"]
    assert (told.source, told.external_id, told.call_id) == ("webhook", "resp_1", story.id)


def test_the_same_news_again_changes_nothing(story: Story) -> None:
    story.submitted()
    story.news()
    story.clock.moment += LATER
    assert story.news() is None
    assert story.row["_due_at"] == START
    assert story.news("wh_2") is Standing.STALE
    assert story.row["_due_at"] == START + LATER


def test_news_without_an_id_asks_each_time_and_is_kept_once(story: Story) -> None:
    story.submitted()
    story.news(None)
    story.clock.moment += LATER
    assert story.news(None) is None
    assert story.row["_due_at"] == START + LATER
    assert len([event for event in story.events if event.code == "poll_now"]) == 1


def test_news_that_comes_before_the_answer_of_the_submit_waits_for_it(story: Story) -> None:
    assert story.news() is Standing.ORPHAN
    story.clock.moment += LATER
    story.submitted()
    assert story.row["_due_at"] == START + LATER
    assert [event.standing for event in story.events if event.code == "poll_now"] == [Standing.STALE]


def test_news_of_a_call_that_is_over_is_kept_and_wakes_nobody(story: Story) -> None:
    story.submitted()
    story.said(Source.POLL, Completed(external_id=ExternalId("resp_1")))
    assert story.news() is Standing.LATE
    assert story.row["_due_at"] is None
    assert story.row["status"] is CallStatus.COMPLETED


def test_a_poll_that_was_asked_before_the_news_no_longer_counts(story: Story) -> None:
    story.submitted()
    story.leased()
    fence = story.row["_attempt"]
    story.news()
    assert story.row["_attempt"] == fence + 1
    assert (story.row["_leased_until"], story.row["_due_at"]) == (None, START)


def test_news_with_our_own_reference_moves_a_call_of_which_the_answer_was_lost(story: Story) -> None:
    news = PollNow(external_id=ExternalId("resp_1"), reference=story.id, event_id="wh_1")
    assert story.said(Source.WEBHOOK, news) is Standing.APPLIED
    assert story.row["status"] is CallStatus.PROCESSING
    assert (story.row["external_id"], story.row["_due_at"]) == ("resp_1", START)
    assert story.app.verify() == []


def test_news_where_nobody_can_ask_is_a_mistake_of_the_integration() -> None:
    with opened(App([[Asked, Answering, answering]], [vendor(polls=False)], clock=Hand())) as app:
        story = Story(app, Hand())
        with pytest.raises(InvariantBroken, match="said PollNow of a Answering, but there is no poll"):
            story.news()
