"""What is decided about an error."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import Declined, InDoubt, NeedsAttention, Permanent, Transient
from framework.integration import Decision, GiveUp, Pause, Policy, Recover, Retry, RetryAt, decide

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
POLICY = Policy()


def decision(
    error: Exception,
    *,
    policy: Policy = POLICY,
    attempt: int = 1,
    elapsed: timedelta = timedelta(0),
    random: float = 0.5,
) -> Decision:
    return decide(
        error, policy=policy, attempt=attempt, first_tried_at=NOON - elapsed, now=NOON, random=lambda: random
    )


def test_what_is_nobodys_fault_is_tried_again_after_a_random_part_of_a_growing_wait() -> None:
    assert decision(Transient("503"), attempt=1) == RetryAt(NOON + timedelta(seconds=0.25))
    assert decision(Transient("503"), attempt=4) == RetryAt(NOON + timedelta(seconds=2))


def test_a_vendor_that_asks_to_wait_is_obeyed_and_burns_no_attempt() -> None:
    busy = Transient("429", retry_after=timedelta(seconds=40))
    assert decision(busy, attempt=8) == RetryAt(NOON + timedelta(seconds=40), burns_attempt=False)


@pytest.mark.parametrize("asked", [timedelta(0), timedelta(seconds=-5)])
def test_a_vendor_that_asks_to_come_back_at_once_is_given_a_moment(asked: timedelta) -> None:
    assert decision(Transient("429", retry_after=asked)) == RetryAt(NOON + timedelta(seconds=0.5), False)


def test_a_wait_longer_than_the_call_may_take_is_not_waited_for() -> None:
    found = decision(Transient("429", retry_after=timedelta(days=3)))
    assert isinstance(found, GiveUp)
    assert found.code == "exhausted"
    assert "3 days" in found.reason


def test_after_the_last_attempt_it_is_given_up() -> None:
    assert decision(Transient("503"), attempt=8) == GiveUp("exhausted", "tried 8 times; the last error: 503")


def test_after_the_budget_it_is_given_up() -> None:
    policy = Policy(retry=Retry(budget=timedelta(minutes=1)))
    found = decision(Transient("503"), policy=policy, attempt=2, elapsed=timedelta(minutes=1))
    assert found == GiveUp("exhausted", "tried for 0:01:00; the last error: 503")


def test_the_deadline_of_the_call_ends_a_longer_budget() -> None:
    policy = Policy(deadline=timedelta(minutes=1))
    assert isinstance(decision(Transient("503"), policy=policy, elapsed=timedelta(minutes=1)), GiveUp)


def test_what_is_wrong_stays_wrong() -> None:
    assert decision(Permanent("no such field", code="bad_field")) == GiveUp("bad_field", "no such field")
    assert decision(Declined("no funds", code="card_declined")) == GiveUp("card_declined", "no funds")


def test_wrong_credentials_pause_the_integration() -> None:
    assert decision(NeedsAttention("the key was revoked"), attempt=99) == Pause("the key was revoked")


def test_doubt_is_settled_as_the_policy_says() -> None:
    lost = InDoubt("the answer was lost")
    assert decision(lost, policy=replace(POLICY, on_doubt="recover"), attempt=99) == Recover()
    assert isinstance(decision(lost, policy=replace(POLICY, on_doubt="retry")), RetryAt)
    failed = decision(lost, policy=replace(POLICY, on_doubt="fail"))
    assert isinstance(failed, GiveUp)
    assert failed.code == "in_doubt"


def test_doubt_is_not_retried_unless_the_policy_says_so() -> None:
    assert not isinstance(decision(InDoubt("the answer was lost")), RetryAt)


def test_a_handler_that_breaks_leaves_doubt_and_its_words_are_not_quoted() -> None:
    assert decision(KeyError("ada@example.org"), policy=replace(POLICY, on_doubt="recover")) == Recover()
    failed = decision(KeyError("ada@example.org"))
    assert isinstance(failed, GiveUp)
    assert "KeyError" in failed.reason
    assert "ada@example.org" not in failed.reason


policies = st.builds(
    Policy,
    retry=st.builds(
        Retry,
        max_attempts=st.integers(1, 2_000),
        base=st.floats(0.001, 100),
        factor=st.floats(1, 1e6),
        cap=st.floats(0.001, 1_000),
        budget=st.timedeltas(timedelta(seconds=1), timedelta(days=30)),
    ),
    deadline=st.timedeltas(timedelta(seconds=1), timedelta(days=30)),
    on_doubt=st.sampled_from(["retry", "recover", "fail", None]),
)
waits = st.none() | st.timedeltas(timedelta(days=-1), timedelta(days=365))
errors = st.one_of(
    st.builds(Transient, st.just("503"), retry_after=waits),
    st.sampled_from(
        [InDoubt("lost"), Permanent("400"), Declined("no"), NeedsAttention("401"), ValueError("x")]
    ),
)


@given(
    error=errors,
    policy=policies,
    attempt=st.integers(1, 3_000),
    elapsed=st.timedeltas(timedelta(0), timedelta(days=60)),
    random=st.floats(0, 1, exclude_max=True),
)
def test_every_retry_lies_ahead_within_budget_and_after_what_the_vendor_asked(
    error: Exception, policy: Policy, attempt: int, elapsed: timedelta, random: float
) -> None:
    found = decision(error, policy=policy, attempt=attempt, elapsed=elapsed, random=random)
    if not isinstance(found, RetryAt):
        return
    asked = getattr(error, "retry_after", None)
    assert NOON <= found.moment <= NOON - elapsed + min(policy.retry.budget, policy.deadline)
    assert found.burns_attempt is (asked is None)
    if asked is not None:
        assert found.moment >= NOON + asked
    else:
        assert attempt < policy.retry.max_attempts
        assert found.moment - NOON <= timedelta(seconds=policy.retry.cap)
    if not isinstance(error, Transient):
        assert policy.on_doubt == "retry"


@given(policy=policies, random=st.floats(0, 1, exclude_max=True))
def test_a_call_that_always_fails_ends_after_the_agreed_attempts(policy: Policy, random: float) -> None:
    attempts = 0
    found: Decision = RetryAt(NOON)
    while isinstance(found, RetryAt):
        attempts += 1
        found = decide(
            Transient("503"),
            policy=policy,
            attempt=attempts,
            first_tried_at=NOON,
            now=found.moment,
            random=lambda: random,
        )
    assert isinstance(found, GiveUp)
    assert found.code == "exhausted"
    assert attempts <= policy.retry.max_attempts


@given(policy=policies, asked=st.timedeltas(timedelta(0), timedelta(hours=1)))
def test_a_vendor_that_is_always_busy_is_not_asked_for_ever(policy: Policy, asked: timedelta) -> None:
    policy = replace(policy, retry=replace(policy.retry, budget=timedelta(seconds=100), base=1))
    found: Decision = RetryAt(NOON)
    requests = 0
    while isinstance(found, RetryAt):
        requests += 1
        found = decide(
            Transient("429", retry_after=asked),
            policy=policy,
            attempt=1,
            first_tried_at=NOON,
            now=found.moment,
            random=lambda: 0.0,
        )
    assert requests <= 101
