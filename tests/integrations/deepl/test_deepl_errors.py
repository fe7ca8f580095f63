"""Each status of DeepL is somebody's problem, row by row."""

from datetime import timedelta

import pytest

from framework.errors import InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.deepl.client import DeepLRefusal, UnreadableAnswer
from integrations.deepl.errors import MEANINGS, as_integration_error

ROWS: list[tuple[int, type[IntegrationError], str]] = [
    (400, Permanent, "bad_request"),
    (401, NeedsAttention, "unauthorized"),
    (403, NeedsAttention, "forbidden"),
    (404, Permanent, "not_found"),
    (408, Transient, "timeout"),
    (413, Permanent, "too_large"),
    (414, Permanent, "uri_too_long"),
    (429, Transient, "too_many_requests"),
    (456, NeedsAttention, "quota_exceeded"),
    (500, Transient, "internal_error"),
    (503, Transient, "unavailable"),
    (504, Transient, "unavailable"),
    (529, Transient, "too_many_requests"),
]


@pytest.mark.parametrize(("status", "error", "code"), ROWS)
def test_a_status_is_somebodys_problem(status: int, error: type[IntegrationError], code: str) -> None:
    problem = as_integration_error(DeepLRefusal(status, "words", trace="t1"))
    assert type(problem) is error
    assert problem.code == code
    assert str(problem).startswith(f"DeepL answered {status}: words (trace t1). ")
    assert str(problem).endswith(".")


def test_every_row_of_the_table_is_tried() -> None:
    assert {status for status, _, _ in ROWS} == set(MEANINGS)


@pytest.mark.parametrize(
    ("status", "error"), [(302, NeedsAttention), (418, Permanent), (502, Transient), (599, Transient)]
)
def test_an_undocumented_status_is_judged_by_its_hundreds(status: int, error: type[IntegrationError]) -> None:
    problem = as_integration_error(DeepLRefusal(status, "words"))
    assert type(problem) is error
    assert problem.code == f"http_{status}"


def test_a_transient_problem_says_when_to_try_again() -> None:
    problem = as_integration_error(DeepLRefusal(429, "slow down", retry_after=timedelta(seconds=7)))
    assert isinstance(problem, Transient)
    assert problem.retry_after == timedelta(seconds=7)


def test_an_unreadable_success_is_in_doubt_and_does_not_quote_the_text() -> None:
    problem = as_integration_error(UnreadableAnswer("somebody's private text", trace="t1"))
    assert isinstance(problem, InDoubt)
    assert "private" not in str(problem)
