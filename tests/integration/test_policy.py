"""Policies."""

from datetime import timedelta
from typing import Any

import pytest

from framework.errors import DeclarationError
from framework.integration import Breaker, Policy, PollSchedule, Rate, Retry, Timeout


@pytest.mark.parametrize(
    ("part", "options"),
    [
        (Timeout, {"read": 0}),
        (Timeout, {"connect": "5"}),
        (Timeout, {"connect": float("nan")}),
        (Retry, {"max_attempts": 0}),
        (Retry, {"factor": 0.5}),
        (Retry, {"budget": timedelta(0)}),
        (Rate, {"per_second": 0}),
        (Rate, {"per_second": 1, "burst": 0}),
        (Rate, {"per_second": 1, "burst": 2.5}),
        (Breaker, {"threshold": 0}),
        (PollSchedule, {"first": -1}),
        (Policy, {"concurrency": 0}),
        (Policy, {"concurrency": True}),
        (Policy, {"concurrency": 2.5}),
        (Policy, {"lease": timedelta(seconds=-1)}),
        (Policy, {"max_body_bytes": 0}),
        (Policy, {"on_doubt": "guess"}),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused_by_name(part: Any, options: dict[str, Any]) -> None:
    wrong = list(options)[0 if "burst" not in options else 1]
    with pytest.raises(DeclarationError, match=rf"{part.__name__}\({wrong}=.*must be"):
        part(**options)


def test_polls_come_less_often_until_the_cap() -> None:
    schedule = PollSchedule(first=2, factor=1.5, cap=5)
    assert [schedule.wait(n).total_seconds() for n in range(4)] == [2, 3, 4.5, 5]
    assert schedule.wait(100_000) == timedelta(seconds=5)


def test_retries_come_less_often_until_the_cap() -> None:
    retry = Retry(base=1, factor=2, cap=10)
    assert [retry.ceiling(n) for n in (1, 2, 3, 4, 5, 100_000)] == [1, 2, 4, 8, 10, 10]
