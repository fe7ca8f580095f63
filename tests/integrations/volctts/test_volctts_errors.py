"""Each code of Volcengine is somebody's problem, row by row."""

from datetime import timedelta

import pytest

from framework.errors import Declined, InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.volctts.client import UnreadableAnswer, VolcRefusal
from integrations.volctts.errors import MEANINGS, STATUSES, as_integration_error

ROWS: list[tuple[int, type[IntegrationError], str]] = [
    (40000000, Permanent, "invalid_parameters"),
    (40000001, Permanent, "task_gone"),
    (40000002, InDoubt, "duplicate_request"),
    (40402003, Declined, "text_too_long"),
    (55000000, Transient, "server_error"),
]
STATUS_ROWS: list[tuple[int, type[IntegrationError], str]] = [
    (401, NeedsAttention, "unauthorized"),
    (403, NeedsAttention, "unauthorized"),
    (408, Transient, "server_error"),
    (429, Transient, "quota_or_concurrency"),
]


@pytest.mark.parametrize(("code", "error", "name"), ROWS)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_code_is_somebodys_problem_whatever_the_status(
    code: int, error: type[IntegrationError], name: str, status: int
) -> None:
    problem = as_integration_error(VolcRefusal(code, "words", status=status, logid="l1"))
    assert type(problem) is error
    assert problem.code == name
    assert str(problem).startswith(f"Volcengine answered code {code}: words (X-Tt-Logid l1). ")


@pytest.mark.parametrize(("status", "error", "name"), STATUS_ROWS)
def test_without_a_code_the_status_decides(status: int, error: type[IntegrationError], name: str) -> None:
    problem = as_integration_error(VolcRefusal(0, "words", status=status))
    assert type(problem) is error
    assert problem.code == name
    assert str(problem).startswith(f"Volcengine answered status {status}: ")


def test_every_row_of_the_tables_is_tried() -> None:
    assert {code for code, _, _ in ROWS} == set(MEANINGS)
    assert {status for status, _, _ in STATUS_ROWS} == set(STATUSES)


@pytest.mark.parametrize(
    ("words", "error", "name"),
    [
        ("quota exceeded for types: concurrency", Transient, "quota_or_concurrency"),
        ("Concurrency limit reached", Transient, "quota_or_concurrency"),
        ("speaker permission denied: access denied", Permanent, "speaker_not_permitted"),
        ("requested resource not granted", NeedsAttention, "unauthorized"),
        ("", NeedsAttention, "unauthorized"),
    ],
)
def test_the_words_of_45000000_tell_its_meanings_apart(
    words: str, error: type[IntegrationError], name: str
) -> None:
    problem = as_integration_error(VolcRefusal(45000000, words, status=403))
    assert type(problem) is error
    assert problem.code == name


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        (40009999, 400, Permanent),
        (45000010, 401, NeedsAttention),
        (55001234, 200, Transient),
        (31415926, 200, Transient),
        (0, 302, NeedsAttention),
        (0, 404, Permanent),
        (0, 502, Transient),
    ],
)
def test_what_is_not_documented_is_judged_by_its_family(
    code: int, status: int, error: type[IntegrationError]
) -> None:
    assert type(as_integration_error(VolcRefusal(code, "words", status=status))) is error


def test_a_transient_problem_says_when_to_try_again() -> None:
    problem = as_integration_error(VolcRefusal(55000000, "busy", retry_after=timedelta(seconds=7)))
    assert isinstance(problem, Transient)
    assert problem.retry_after == timedelta(seconds=7)


def test_an_unreadable_success_is_in_doubt_and_does_not_quote_the_body() -> None:
    problem = as_integration_error(UnreadableAnswer("somebody's private text", logid="l1"))
    assert isinstance(problem, InDoubt)
    assert "private" not in str(problem)
