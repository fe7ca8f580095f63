"""What every call sees, whatever its vendor does."""

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from framework.errors import Permanent
from framework.model.apicall import CallStatus, Standing
from framework.testing.contract import cases, wire
from framework.testing.contract.bench import Bench
from framework.testing.contract.judged import WHOLE, Judged, judges
from framework.testing.contract.subject import Subject, set_environment

STRANGER = "https://stranger.example/"
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


class CallContract(Judged):
    """What goes out, and what becomes of it."""

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
