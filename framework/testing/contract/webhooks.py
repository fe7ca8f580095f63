"""What comes in, from the vendor or from somebody who says so."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from framework.model.apicall import CallStatus, Standing
from framework.testing.contract import cases, wire
from framework.testing.contract.bench import Bench
from framework.testing.contract.judged import WHOLE, Judged, judges
from framework.testing.contract.subject import Subject, set_environment
from framework.testing.postman import Letter

MEBIBYTE = 1024 * 1024
TWO_SIGNATURES_APART = timedelta(minutes=11)


class WebhookContract(Judged):
    """What webhooks move, and what they do not."""

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
