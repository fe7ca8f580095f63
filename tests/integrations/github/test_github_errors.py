"""Each answer of GitHub says whose problem it is, and how long to wait."""

from datetime import UTC, datetime, timedelta

import pytest

from framework.errors import Declined, InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.github.client import GitHubRefusal, UnreadableAnswer
from integrations.github.errors import TABLE, integration_error, translated

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


def refusal(
    status: int,
    message: str = "",
    *,
    writing: bool = True,
    retry_after: str | None = None,
    remaining: str | None = "41",
    reset: str | None = None,
) -> GitHubRefusal:
    return GitHubRefusal(
        status,
        message,
        writing=writing,
        retry_after=retry_after,
        remaining=remaining,
        reset=reset,
        request_id="ABCD",
    )


ROWS: list[tuple[int, str, bool, type[IntegrationError], str]] = [
    (301, "Moved Permanently", True, Permanent, "moved"),
    (400, "Problems parsing JSON", True, Permanent, "refused"),
    (401, "Bad credentials", True, NeedsAttention, "unauthorized"),
    (403, "Resource not accessible by integration", True, NeedsAttention, "forbidden"),
    (403, "Unable to create comment because issue is locked.", True, Declined, "locked"),
    (404, "Not Found", True, Permanent, "not_found"),
    (408, "", True, InDoubt, "timeout"),
    (408, "", False, Transient, "timeout"),
    (409, "Git Repository is empty.", True, Permanent, "refused"),
    (410, "Issues are disabled for this repo", True, Declined, "gone"),
    (422, "Validation Failed", True, Permanent, "invalid"),
    (500, "", True, InDoubt, "server_error"),
    (502, "Server Error", True, InDoubt, "server_error"),
    (503, "", False, Transient, "server_error"),
    (204, "", True, NeedsAttention, "http_204"),
]


@pytest.mark.parametrize(("status", "message", "writing", "kind", "code"), ROWS)
def test_each_row_of_the_table(
    status: int, message: str, writing: bool, kind: type[IntegrationError], code: str
) -> None:
    error = integration_error(refusal(status, message, writing=writing))
    assert (type(error), error.code) == (kind, code)
    assert "ABCD" in str(error)
    assert message in str(error)


def test_no_row_of_the_table_is_left_out() -> None:
    assert {row.code for row in TABLE} <= {code for *_, code in ROWS}


@pytest.mark.parametrize("status", [403, 429])
def test_an_exhausted_primary_limit_waits_for_its_reset(status: int) -> None:
    reset = str(int((NOW + timedelta(minutes=17)).timestamp()))
    error = integration_error(refusal(status, "API rate limit exceeded", remaining="0", reset=reset), now=NOW)
    assert isinstance(error, Transient)
    assert (error.retry_after, error.code) == (timedelta(minutes=17), "rate_limit")


def test_a_reset_in_the_past_is_waited_for_a_second() -> None:
    reset = str(int((NOW - timedelta(minutes=1)).timestamp()))
    error = integration_error(refusal(403, remaining="0", reset=reset), now=NOW)
    assert isinstance(error, Transient)
    assert error.retry_after == timedelta(seconds=1)


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_waits_as_long_as_github_asks(status: int) -> None:
    error = integration_error(refusal(status, SECONDARY, retry_after="23"), now=NOW)
    assert isinstance(error, Transient)
    assert error.retry_after == timedelta(seconds=23)


@pytest.mark.parametrize(
    ("waited", "wait"), [(0, 60), (30, 60), (60, 60), (120, 120), (300, 300), (9999, 900)]
)
@pytest.mark.parametrize("limit", [refusal(403, SECONDARY), refusal(429), refusal(429, retry_after="soon")])
def test_a_limit_that_names_no_time_waits_a_minute_and_then_twice_as_long_each_time(
    limit: GitHubRefusal, waited: int, wait: int
) -> None:
    error = integration_error(limit, waiting_since=NOW - timedelta(seconds=waited), now=NOW)
    assert isinstance(error, Transient)
    assert error.retry_after == timedelta(seconds=wait)


def test_a_403_without_a_limit_is_a_missing_permission_even_when_little_remains() -> None:
    assert isinstance(integration_error(refusal(403, "Forbidden", remaining="1")), NeedsAttention)
    assert isinstance(integration_error(refusal(403, "Forbidden", remaining=None)), NeedsAttention)


@pytest.mark.parametrize(("writing", "kind"), [(True, InDoubt), (False, Transient)])
def test_an_unreadable_answer_leaves_a_write_in_doubt(writing: bool, kind: type[IntegrationError]) -> None:
    with pytest.raises(kind) as raised:
        with translated():
            raise UnreadableAnswer(200, writing=writing, request_id="ABCD")
    assert raised.value.code == "unreadable_answer"
    assert "Check that GITHUB_BASE_URL" in str(raised.value)
    assert "ABCD" in str(raised.value)


def test_githubs_error_is_the_cause_of_ours() -> None:
    with pytest.raises(Permanent) as raised:
        with translated():
            raise refusal(404)
    assert isinstance(raised.value.__cause__, GitHubRefusal)
