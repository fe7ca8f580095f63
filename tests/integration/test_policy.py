"""Policies."""

from datetime import timedelta
from operator import attrgetter
from types import SimpleNamespace
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
        (Timeout, {"read": timedelta(seconds=5)}),
        (Retry, {"cap": float("inf")}),
        (Retry, {"budget": 5}),
        (Breaker, {"reset": timedelta(seconds=5)}),
        (PollSchedule, {"first": timedelta(seconds=5)}),
        (Policy, {"deadline": 5}),
        (Policy, {"timeout": 5}),
        (Policy, {"retry": None}),
        (Policy, {"rate": 5}),
        (Policy, {"breaker": None}),
        (Policy, {"poll": 5}),
        (Policy, {"ordering_key": "customer_id"}),
        (Policy, {"ordering_key": lambda call, http: ""}),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused_by_name(part: Any, options: dict[str, Any]) -> None:
    wrong = list(options)[0 if "burst" not in options else 1]
    with pytest.raises(DeclarationError, match=rf"{part.__name__}\({wrong}=.*must be"):
        part(**options)


@pytest.mark.parametrize(
    ("say", "text"),
    [
        (
            lambda: Policy(timeout=5),
            "Policy(timeout=5) cannot be kept: it must be a Timeout, such as `timeout=Timeout(...)`.",
        ),
        (
            lambda: Policy(deadline=5),
            "Policy(deadline=5) cannot be kept: it must be a positive timedelta.",
        ),
        (
            lambda: Policy(ordering_key="x"),
            "Policy(ordering_key='x') cannot be kept: it must be a plain function of the call, such as "
            "`lambda call: str(call.customer_id)`.",
        ),
        (
            lambda: Retry(attempts=3),
            "`Retry` cannot be declared like this: it has no 'attempts'. Write it as `Retry(*, "
            "max_attempts=8, base=0.5, factor=2.0, cap=60.0, budget=datetime.timedelta(seconds=82800))`.",
        ),
    ],
)
def test_a_policy_says_what_it_takes(say: Any, text: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        say()
    assert str(refused.value) == text


def test_an_ordering_key_may_be_a_function_of_c() -> None:
    key = Policy(ordering_key=attrgetter("customer")).ordering_key
    assert key is not None
    assert key(SimpleNamespace(customer="ada")) == "ada"


def test_polls_come_less_often_until_the_cap() -> None:
    schedule = PollSchedule(first=2, factor=1.5, cap=5)
    assert [schedule.wait(n).total_seconds() for n in range(4)] == [2, 3, 4.5, 5]
    assert schedule.wait(100_000) == timedelta(seconds=5)


def test_retries_come_less_often_until_the_cap() -> None:
    retry = Retry(base=1, factor=2, cap=10)
    assert [retry.ceiling(n) for n in (1, 2, 3, 4, 5, 100_000)] == [1, 2, 4, 8, 10, 10]
