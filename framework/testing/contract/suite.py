"""The tests that every integration inherits.

    class TestPigeon(IntegrationContract):
        @pytest.fixture
        def subject(self) -> Subject:
            return PIGEON

Each test judges one case of `framework.testing.contract.cases`. A case that does not apply is skipped with
the reason that the manifest gives, and fails where it gives none.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import anyio
import pytest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from framework.errors import Permanent
from framework.model.apicall import CallStatus, Standing
from framework.testing.contract import cases, wire
from framework.testing.contract.bench import Bench
from framework.testing.contract.cases import Case, exemption
from framework.testing.contract.subject import Subject, set_environment
from framework.testing.postman import Letter

F = TypeVar("F", bound=Callable[..., Any])

STRANGER = "https://stranger.example/"
WHOLE = ["initialized", "processing", "completed"]
MEBIBYTE = 1024 * 1024
TWO_SIGNATURES_APART = timedelta(minutes=11)
UNREADABLE = {
    "an empty page": HTMLResponse(""),
    "a page for people": HTMLResponse("<html><body>Scheduled maintenance</body></html>"),
    "JSON of no use": JSONResponse({"unexpected": True}),
    "a list": JSONResponse([]),
    "half an answer": Response('{"id": "', media_type="application/json"),
}
LOST_ANSWERS = {
    "the answer comes too late": wire.timeout_after_acceptance,
    "the connection breaks": wire.broken_off,
    "the process ends before it is sent": wire.crash_before,
    "the process ends before it is recorded": wire.crash_after,
    "a proxy answers 502": wire.done_but_answering(HTMLResponse("Bad gateway", 502)),
    **{f"the answer is {what}": wire.done_but_answering(answer) for what, answer in UNREADABLE.items()},
}

JUDGED: dict[str, Case] = {}
"""Which case each test judges, by the name of the test."""


def judges(case: Case) -> Callable[[F], F]:
    """Name the case that a test judges."""

    def name(test: F) -> F:
        JUDGED[test.__name__] = case
        return test

    return name


class IntegrationContract:
    """Inherit this and give a fixture `subject`; see the head of this module."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError("A class that inherits the contract has a fixture `subject`")

    @pytest.fixture(autouse=True)
    def _applies(self, request: pytest.FixtureRequest, subject: Subject) -> None:
        """Skip with the manifest's reason what the subject is exempt from."""
        case = JUDGED[request.function.__name__]
        with subject.configured() as (integration, handlers):
            reason = exemption(case, subject, integration, handlers)
        if reason is not None:
            pytest.skip(f"{subject} is exempt: {reason}")

    @pytest.fixture
    async def bench(self, subject: Subject, tmp_path: Path) -> AsyncIterator[Bench]:
        with subject.at_home():
            bench = Bench(subject, tmp_path / "contract.db")
            await bench.settle()  # what a worker asks when it starts is not what these tests disturb
            yield bench
            assert bench.app.verify() == []
            bench.close()

    # What every call sees.

    @judges(cases.ORDER)
    async def test_a_call_is_carried_out_in_the_order_of_its_life(self, bench: Bench) -> None:
        call = bench.place()
        await bench.end(call)
        assert bench.call(call).status is CallStatus.COMPLETED, bench.call(call).error
        assert bench.history(call) == WHOLE
        first, *others = [event for event in bench.events(call) if event.standing is Standing.APPLIED]
        assert first.entity_id == call
        assert [event.entity_id for event in others] == [None, None]
        assert {event.external_id for event in (first, *others)} == {bench.call(call).external_id}
        assert bench.effects == 1

    @judges(cases.REFUSED)
    async def test_a_refused_call_fails_with_a_reason_and_once(self, bench: Bench, subject: Subject) -> None:
        call = bench.place(subject.refused)
        await bench.end(call)
        assert bench.call(call).status is CallStatus.FAILED
        assert bench.call(call).error
        assert bench.history(call)[-1] == "failed"
        assert len(bench.app.attempts(call)) == 1
        assert not bench.app.dead_calls(), "a refusal is an answer, and no fault"

    @judges(cases.RENAMED)
    async def test_other_names_are_served_by_mapping_functions(
        self, subject: Subject, tmp_path: Path
    ) -> None:
        usual, renamed = (set(type(one.request).model_fields) for one in (subject.usual, subject.renamed))
        assert not usual & renamed, "the renamed request has other names"
        with subject.at_home():
            bench = Bench(subject, tmp_path / "renamed.db", subject.renamed)
            call = bench.place()
            await bench.end(call)
            assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1), bench.call(
                call
            ).error
            assert bench.app.verify() == []
            bench.close()

    # Once and not twice.

    @judges(cases.IDEMPOTENT)
    async def test_a_call_that_is_run_twice_has_one_effect(self, bench: Bench) -> None:
        call = bench.place()
        handlers = bench.desk.handlers
        run = handlers.submit or handlers.call
        assert run is not None
        async with bench.integration.open_client() as http:
            first = await run(bench.view(call), http)
            second = await run(bench.view(call), http)
        assert _id(first) == _id(second)
        await bench.end(call)
        assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1)

    @judges(cases.RACE)
    async def test_two_workers_carry_out_each_call_once(self, bench: Bench) -> None:
        async with bench.two_workers() as (first, second):
            calls = [bench.place() for _ in range(6)]
            for _ in range(40):
                async with anyio.create_task_group() as workers:
                    workers.start_soon(first.settle)
                    workers.start_soon(second.settle)
                for call in calls:
                    bench.conclude(call)
                await bench.hear()
                if all(bench.has_ended(call) for call in calls):
                    break
                bench.clock.advance(timedelta(seconds=30))
        assert {bench.call(call).status for call in calls} == {CallStatus.COMPLETED}
        assert bench.effects == len(calls)
        assert [len(bench.app.attempts(call)) for call in calls] == [1] * len(calls)
        assert [bench.history(call) for call in calls] == [WHOLE] * len(calls)

    @judges(cases.CRASH)
    @pytest.mark.parametrize("trouble", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
    async def test_no_call_is_lost_when(self, trouble: wire.Trouble, bench: Bench) -> None:
        call = await _through(bench, trouble)
        assert bench.has_ended(call)
        if bench.call(call).status is CallStatus.COMPLETED:
            assert (bench.history(call), bench.effects > 0) == (WHOLE, True)
        else:
            assert [one.id for one in bench.app.dead_calls()] == [call], "an operator sees it"

    @judges(cases.ONE_EFFECT)
    @pytest.mark.parametrize("trouble", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
    async def test_there_is_no_second_effect_when(self, trouble: wire.Trouble, bench: Bench) -> None:
        call = await _through(bench, trouble)
        assert bench.effects <= 1
        if bench.call(call).status is CallStatus.FAILED:
            assert bench.desk.policy.on_doubt in ("fail", None), bench.call(call).error
            assert "may or may not have acted" in (bench.call(call).error or "")

    @judges(cases.ORDER)
    async def test_a_restart_after_the_end_changes_nothing(self, bench: Bench) -> None:
        call = bench.place()
        await bench.end(call)
        before = bench.standings(call)
        bench.restart()
        await bench.later(timedelta(hours=1))
        assert (bench.standings(call), bench.effects) == (before, 1)

    # The vendor's moods.

    @judges(cases.UNREACHABLE)
    async def test_what_was_never_sent_is_tried_again(self, bench: Bench) -> None:
        call = bench.place()
        bench.wire.troubles += [wire.unreachable, wire.unreachable]
        await bench.end(call)
        assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1)
        assert not any(attempt.doubtful for attempt in bench.app.attempts(call))

    @judges(cases.THROTTLED)
    async def test_a_vendor_that_asks_to_wait_is_waited_for(self, bench: Bench) -> None:
        bench.sandbox.faults = replace(bench.sandbox.faults, retry_after=7)
        answer = bench.sandbox.throttled(7)
        bench.wire.troubles.append(wire.answering(answer))
        call = bench.place()
        await _until_asked(bench, call)
        asked = len(bench.wire.hosts)
        if "retry-after" in answer.headers:
            await bench.later(timedelta(seconds=6))
            assert len(bench.wire.hosts) == asked, "earlier than the vendor asked"
        await bench.end(call)
        assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1)
        assert not any(attempt.doubtful for attempt in bench.app.attempts(call))

    @judges(cases.THROTTLED)
    async def test_a_throttled_call_burns_no_attempt(self, bench: Bench) -> None:
        answer = bench.sandbox.throttled(7)
        often = 2 * bench.desk.policy.retry.max_attempts if "retry-after" in answer.headers else 2
        bench.wire.troubles += [wire.answering(answer)] * often
        call = bench.place()
        await bench.end(call)
        assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1), bench.call(call).error

    @judges(cases.BROKEN)
    @pytest.mark.parametrize("status", [200, 400, 404, 500, 503])
    @pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
    async def test_no_answer_breaks_a_handler(self, answer: Response, status: int, bench: Bench) -> None:
        nonsense = Response(bytes(answer.body), status, media_type=answer.media_type)
        bench.wire.troubles.append(wire.answering(nonsense))
        call = bench.place()
        await _until_asked(bench, call)
        told = [attempt.error or "" for attempt in bench.app.attempts(call)]
        told.append(bench.app.health()[0].last_error or "")
        assert not [error for error in told if "the handler raised" in error]
        if bench.call(call).status is CallStatus.COMPLETED:
            assert (bench.effects, bench.history(call)) == (1, WHOLE), "nonsense completes nothing"

    @judges(cases.CREDENTIALS)
    async def test_wrong_credentials_pause_and_lose_nothing(self, bench: Bench, subject: Subject) -> None:
        manifest = bench.integration.manifest
        assert manifest is not None
        named = {secret.name for secret in manifest.secrets} - {subject.signing_secret}
        wrong = {name: "a-key-of-somebody-else" for name in named if subject.environment.get(name)}
        call = bench.place()
        set_environment(wrong)
        await _until_asked(bench, call)
        assert bench.app.health()[0].paused
        assert (bench.has_ended(call), bench.effects) == (False, 0)
        set_environment(subject.environment)
        bench.app.resume(bench.integration.name)
        await bench.end(call)
        assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1)

    @judges(cases.CREDENTIALS)
    async def test_missing_credentials_are_named(self, bench: Bench, subject: Subject) -> None:
        manifest = bench.integration.manifest
        assert manifest is not None
        named = [one.name for one in manifest.secrets if one.name != subject.signing_secret]
        given = [name for name in named if subject.environment.get(name)]
        set_environment(dict.fromkeys(given))
        call = bench.place()
        await _until_asked(bench, call)
        paused = bench.app.health()[0].paused or ""
        assert any(name in paused for name in given)
        assert not bench.has_ended(call)

    @judges(cases.FIELDS)
    async def test_new_fields_are_ignored(self, bench: Bench) -> None:
        bench.wire.always = wire.with_answers(wire.new_field)
        call = bench.place()
        await bench.end(call)
        assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1), bench.call(call).error

    @judges(cases.STATUSES)
    async def test_new_statuses_are_no_failure(self, bench: Bench, subject: Subject) -> None:
        assert subject.unknown_status is not None
        bench.wire.always = wire.with_answers(subject.unknown_status)
        call = bench.place()
        await bench.settle()
        for _ in range(5):
            bench.take_letters()
            bench.conclude(call)
            await bench.later()
        assert bench.call(call).status is CallStatus.PROCESSING, bench.call(call).error
        bench.wire.always = None
        await bench.end(call)
        assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1)

    # What leaves.

    @judges(cases.HOSTS)
    async def test_a_strange_host_is_not_reached(self, bench: Bench) -> None:
        async with bench.integration.open_client() as http:
            with pytest.raises(Permanent, match="hosts"):
                await http.get(STRANGER)
            bench.wire.troubles.append(wire.answering(RedirectResponse(STRANGER)))
            with pytest.raises(Permanent, match="hosts"):
                await http.get(bench.integration.base_url, follow_redirects=True)
        assert "stranger.example" not in bench.wire.hosts

    @judges(cases.SECRETS)
    async def test_no_secret_is_seen(
        self,
        bench: Bench,
        subject: Subject,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        caplog.set_level(logging.DEBUG)
        seen: list[str] = []
        for trouble in (None, wire.timeout_after_acceptance, wire.answering(HTMLResponse("", 401))):
            call = bench.place()
            if trouble is not None:
                bench.wire.troubles.append(trouble)
            await _until_asked(bench, call)
            seen += [f"{one.error}" for one in bench.app.attempts(call)]
            seen += [f"{one.last_error} {one.paused}" for one in bench.app.health()]
            bench.app.resume(bench.integration.name)
        refused = bench.place(subject.refused)
        await bench.end(refused)
        for letter in bench.take_letters():
            await bench.deliver(letter, body=letter.body + b" ", headers=bench.signed(letter))
            await bench.deliver(letter)
        output = capfd.readouterr()
        seen += [caplog.text, bench.dump(), output.out, output.err, str(bench.call(refused).error)]
        manifest = bench.integration.manifest
        assert manifest is not None
        secrets = subject.secrets(manifest)
        assert secrets, "the subject has secrets to look for"
        assert not [place for place in seen for secret in secrets if secret in place]

    # What comes in.

    @judges(cases.DUPLICATES)
    async def test_a_webhook_that_comes_twice_changes_nothing(self, bench: Bench) -> None:
        call = bench.place()
        letters = await _letters_about(bench, call)
        for letter in letters:
            assert await bench.deliver(letter) == 200
        await bench.end(call)
        before = bench.standings(call)
        for letter in [*letters, *letters]:
            assert await bench.deliver(letter) == 200
        await bench.later()
        assert (bench.standings(call), bench.history(call), bench.effects) == (before, WHOLE, 1)

    @judges(cases.EARLY)
    async def test_a_webhook_that_comes_before_the_answer_is_not_lost(self, bench: Bench) -> None:
        answers: list[int] = []

        async def hear() -> None:
            answers.extend(await bench.hear())

        bench.wire.troubles.append(wire.before_the_answer(hear))
        call = bench.place()
        await bench.end(call)
        assert set(answers) == {200}, "the vendor has sent something before its answer"
        assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1)
        assert bench.history(call) == WHOLE

    @judges(cases.EARLY)
    async def test_a_webhook_that_comes_although_the_answer_was_lost_ends_the_call(
        self, bench: Bench
    ) -> None:
        bench.wire.troubles.append(wire.crash_after)
        call = bench.place()
        await bench.settle()
        bench.restart()
        await bench.hear()
        await bench.end(call)
        assert bench.effects == 1
        assert bench.has_ended(call)

    @judges(cases.REORDERED)
    async def test_webhooks_in_any_order_lead_to_the_same_end(self, bench: Bench) -> None:
        calls = [bench.place() for _ in range(3)]
        letters = await _letters_about(bench, *calls)
        for letter in reversed(letters):
            assert await bench.deliver(letter) == 200
        await bench.end(*calls)
        assert {bench.call(call).status for call in calls} == {CallStatus.COMPLETED}
        assert [bench.history(call) for call in calls] == [WHOLE] * 3
        assert bench.effects == 3

    @judges(cases.LATE)
    async def test_a_webhook_that_comes_after_the_end_changes_nothing(self, bench: Bench) -> None:
        call = bench.place()
        letters = await _letters_about(bench, call)
        await bench.end(call, hearing=bench.desk.handlers.poll is None)
        ended = bench.call(call)
        for letter in letters:
            assert await bench.deliver(letter) == 200
        await bench.later()
        assert bench.call(call) == ended
        assert bench.history(call) == WHOLE

    @judges(cases.CONFLICTS)
    async def test_a_webhook_that_contradicts_the_end_is_kept(self, bench: Bench, subject: Subject) -> None:
        assert subject.contradicted is not None
        call = bench.place()
        letters = await _letters_about(bench, call)
        for letter in letters:
            await bench.deliver(letter)
        await bench.end(call)
        ended = bench.call(call)
        assert await bench.deliver(letters[-1], body=subject.contradicted(letters[-1].body)) == 200
        await bench.settle()
        assert bench.call(call) == ended
        assert bench.standings(call)[-1] is Standing.CONFLICT

    @judges(cases.SILENCE)
    async def test_a_call_ends_although_no_webhook_comes(self, bench: Bench) -> None:
        call = bench.place()
        await bench.end(call, hearing=False)
        assert (bench.call(call).status, bench.effects) == (CallStatus.COMPLETED, 1)
        assert bench.history(call) == WHOLE

    @judges(cases.FIELDS_HEARD)
    async def test_new_fields_of_webhooks_are_ignored(self, bench: Bench) -> None:
        call = bench.place()
        for letter in await _letters_about(bench, call):
            told = json.loads(letter.body)
            wire.change_everywhere(told, wire.new_field)
            assert await bench.deliver(letter, body=json.dumps(told).encode()) == 200
        await bench.end(call)
        assert bench.call(call).status is CallStatus.COMPLETED

    @judges(cases.FORGED)
    async def test_a_webhook_that_is_not_the_vendors_moves_nothing(self, bench: Bench) -> None:
        call = bench.place()
        letters = await _letters_about(bench, call)
        before = bench.standings(call)
        for letter in letters:
            signed = dict(bench.signed(letter))
            unsigned = {name: signed[name] for name in ("content-type", *letter.headers)}
            assert await bench.deliver(letter, headers=unsigned) == 401
            assert await bench.deliver(letter, body=letter.body + b" ", headers=signed) == 401
            for name in bench.sandbox.sign(letter.body):
                assert await bench.deliver(letter, headers={**signed, name: "forged"}) == 401
                assert await bench.deliver(letter, headers={**signed, name: ""}) == 401
            ours, bench.sandbox.webhook_secret = bench.sandbox.webhook_secret, _another_secret(bench)
            assert await bench.deliver(letter) == 401
            bench.sandbox.webhook_secret = ours
        assert bench.standings(call) == before

    @judges(cases.STALE)
    async def test_an_old_signature_counts_no_more_and_one_of_the_future_not_yet(self, bench: Bench) -> None:
        call = bench.place()
        letter, *_ = await _letters_about(bench, call)
        signed = bench.signed(letter)
        bench.clock.advance(TWO_SIGNATURES_APART)
        assert await bench.deliver(letter, headers=signed) == 401
        of_the_future = bench.signed(letter)
        bench.clock.advance(-TWO_SIGNATURES_APART)
        assert await bench.deliver(letter, headers=of_the_future) == 401
        assert await bench.deliver(letter, headers=signed) == 200

    @judges(cases.ROTATED)
    async def test_while_a_secret_is_rotated_both_count(self, bench: Bench, subject: Subject) -> None:
        variable = subject.signing_secret
        assert variable is not None
        old, new = bench.sandbox.webhook_secret, _another_secret(bench)
        call = bench.place()
        letter, *_ = await _letters_about(bench, call)
        set_environment({variable: f"{new}, {old}"})
        assert await bench.deliver(letter) == 200
        bench.sandbox.webhook_secret = new
        assert await bench.deliver(letter) == 200
        set_environment({variable: new})
        assert await bench.deliver(letter) == 200
        bench.sandbox.webhook_secret = old
        assert await bench.deliver(letter) == 401

    @judges(cases.UNPROVEN)
    async def test_with_no_secret_no_webhook_is_believed(self, bench: Bench, subject: Subject) -> None:
        assert subject.signing_secret is not None
        call = bench.place()
        letter, *_ = await _letters_about(bench, call)
        before = bench.standings(call)
        set_environment({subject.signing_secret: None})
        assert await bench.deliver(letter) == 503
        assert bench.standings(call) == before
        set_environment({subject.signing_secret: subject.environment[subject.signing_secret]})
        assert await bench.deliver(letter) == 200

    @judges(cases.MALFORMED)
    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"unexpected": true}', b"\xff\xfe"])
    async def test_a_webhook_that_cannot_be_read_does_no_harm(self, body: bytes, bench: Bench) -> None:
        call = bench.place()
        letter, *_ = await _letters_about(bench, call)
        before = bench.standings(call)
        assert await bench.deliver(letter, body=body) in (200, 400)
        assert bench.standings(call) == before

    @judges(cases.LARGE)
    async def test_a_webhook_of_two_mebibytes_is_refused(self, bench: Bench) -> None:
        call = bench.place()
        letter, *_ = await _letters_about(bench, call)
        before = bench.standings(call)
        assert await bench.deliver(letter, body=letter.body + b" " * 2 * MEBIBYTE) == 413
        assert bench.standings(call) == before


def _id(said: Any) -> str | None:
    return said if isinstance(said, str) else said.external_id


async def _through(bench: Bench, trouble: wire.Trouble) -> UUID:
    """A call whose first exchange goes wrong, carried to its end by whoever is there afterwards."""
    bench.wire.troubles.append(trouble)
    call = bench.place()
    await _until_asked(bench, call)
    bench.restart()
    await bench.end(call)
    return call


async def _until_asked(bench: Bench, call: UUID) -> None:
    """Work until the vendor is asked for the first time, or nothing can be."""
    asked = len(bench.wire.hosts)
    await bench.settle()
    for _ in range(10):
        if len(bench.wire.hosts) > asked or bench.app.health()[0].paused or bench.has_ended(call):
            return
        await bench.later(timedelta(seconds=10))
    raise AssertionError("the vendor is not asked")


async def _letters_about(bench: Bench, *calls: UUID) -> list[Letter]:
    """The webhooks that the vendor sends about these calls, none of them taken yet."""
    await bench.settle()
    for call in calls:
        bench.conclude(call)
    letters = bench.take_letters()
    assert letters, "the vendor sends webhooks about its calls"
    return letters


def _another_secret(bench: Bench) -> str:
    """A secret of the same form: schemes whose secrets are base64 take no other."""
    secret = bench.sandbox.webhook_secret
    return secret[:-8] + secret[-8:].swapcase()
