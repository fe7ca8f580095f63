"""What to do about an error: decided here as a value, acted upon by the worker."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from framework.errors import Declined, InDoubt, NeedsAttention, Permanent, Transient
from framework.integration.policy import Policy


@dataclass(frozen=True)
class RetryAt:
    """Try again at `moment`. `burns_attempt` is False where the vendor itself asked to wait."""

    moment: datetime
    burns_attempt: bool = True


@dataclass(frozen=True)
class GiveUp:
    """The call failed. `code` is the error's own, or "exhausted", or "in_doubt"."""

    code: str
    reason: str


@dataclass(frozen=True)
class Pause:
    """The whole integration waits for an operator; the call keeps its turn."""

    reason: str


@dataclass(frozen=True)
class Recover:
    """Ask the vendor whether it got the call before doing anything else."""


Decision: TypeAlias = RetryAt | GiveUp | Pause | Recover


def decide(
    error: Exception,
    *,
    policy: Policy,
    attempt: int,
    first_tried_at: datetime,
    now: datetime,
    random: Callable[[], float],
) -> Decision:
    """What to do after attempt number `attempt` (1 is the first) ended in `error`.

    An error outside the families of integration errors is in doubt too: a handler that breaks while it reads
    the answer has already sent the request. `random` gives numbers from 0 up to 1.
    """
    match error:
        case Transient():
            return _try_again(error, policy, attempt, first_tried_at, now, random)
        case NeedsAttention():
            return Pause(str(error))
        case Permanent() | Declined():
            return GiveUp(error.code, str(error))
        case _:
            return _in_doubt(error, policy, attempt, first_tried_at, now, random)


def _try_again(
    error: Exception,
    policy: Policy,
    attempt: int,
    first_tried_at: datetime,
    now: datetime,
    random: Callable[[], float],
) -> RetryAt | GiveUp:
    """A vendor's own `retry_after` is kept to the second, but never shorter than the first wait of ours."""
    end = first_tried_at + min(policy.retry.budget, policy.deadline)
    asked = error.retry_after if isinstance(error, Transient) else None
    if asked is not None:
        wait = max(asked, timedelta(seconds=policy.retry.base))
        if wait > end - now:
            return _exhausted(error, f"the vendor asks to wait {asked}, longer than the call may take")
        return RetryAt(now + wait, burns_attempt=False)
    if attempt >= policy.retry.max_attempts:
        return _exhausted(error, f"tried {attempt} times")
    if now >= end:
        return _exhausted(error, f"tried for {now - first_tried_at}")
    wait = timedelta(seconds=policy.retry.ceiling(attempt) * random())
    return RetryAt(min(now + wait, end))


def _exhausted(error: Exception, why: str) -> GiveUp:
    return GiveUp("exhausted", f"{why}; the last error: {_what_happened(error)}")


def _in_doubt(
    error: Exception,
    policy: Policy,
    attempt: int,
    first_tried_at: datetime,
    now: datetime,
    random: Callable[[], float],
) -> Decision:
    match policy.on_doubt:
        case "retry":
            return _try_again(error, policy, attempt, first_tried_at, now, random)
        case "recover":
            return Recover()
        case "fail" | None:
            return GiveUp("in_doubt", f"the vendor may or may not have acted: {_what_happened(error)}")


def _what_happened(error: Exception) -> str:
    """The error's text, or the class alone of one that is none of ours: its text may quote an answer."""
    return (
        str(error) if isinstance(error, Transient | InDoubt) else f"the handler raised {type(error).__name__}"
    )
