"""Each code and status of S3 is somebody's problem, row by row."""

from datetime import timedelta

import pytest

from framework.errors import InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.s3.client import S3Refusal, UnreadableAnswer
from integrations.s3.errors import CODES, STATUSES, as_integration_error
from integrations.s3.models import ErrorBody

CODE_ROWS: list[tuple[int, str, type[IntegrationError], str]] = [
    (403, "AccessDenied", NeedsAttention, "access_denied"),
    (403, "AccountProblem", NeedsAttention, "account_problem"),
    (403, "AllAccessDisabled", NeedsAttention, "account_problem"),
    (400, "AuthorizationHeaderMalformed", NeedsAttention, "wrong_region"),
    (400, "BadDigest", Transient, "damaged"),
    (400, "EntityTooLarge", Permanent, "too_large"),
    (400, "ExpiredToken", NeedsAttention, "expired_token"),
    (400, "IncompleteBody", Transient, "damaged"),
    (500, "InternalError", Transient, "internal_error"),
    (403, "InvalidAccessKeyId", NeedsAttention, "unknown_key"),
    (400, "InvalidBucketName", NeedsAttention, "no_bucket"),
    (400, "InvalidToken", NeedsAttention, "expired_token"),
    (400, "KeyTooLongError", Permanent, "key_too_long"),
    (405, "MethodNotAllowed", Permanent, "method_not_allowed"),
    (404, "NoSuchBucket", NeedsAttention, "no_bucket"),
    (404, "NoSuchKey", Permanent, "no_object"),
    (404, "NoSuchUpload", Permanent, "no_object"),
    (409, "OperationAborted", Transient, "conflict"),
    (301, "PermanentRedirect", NeedsAttention, "wrong_region"),
    (412, "PreconditionFailed", Permanent, "exists_already"),
    (403, "QuotaExceeded", NeedsAttention, "quota_exceeded"),
    (403, "RequestTimeTooSkewed", NeedsAttention, "clock_skewed"),
    (400, "RequestTimeout", Transient, "timeout"),
    (503, "ServiceUnavailable", Transient, "unavailable"),
    (403, "SignatureDoesNotMatch", NeedsAttention, "wrong_signature"),
    (503, "SlowDown", Transient, "slow_down"),
    (307, "TemporaryRedirect", Transient, "redirected"),
    (400, "XAmzContentSHA256Mismatch", Transient, "damaged"),
]
STATUS_ROWS: list[tuple[int, type[IntegrationError], str]] = [
    (301, NeedsAttention, "wrong_region"),
    (307, Transient, "redirected"),
    (400, NeedsAttention, "bad_request"),
    (403, NeedsAttention, "access_denied"),
    (404, Permanent, "no_object"),
    (408, Transient, "timeout"),
    (412, Permanent, "exists_already"),
    (429, Transient, "slow_down"),
    (500, Transient, "internal_error"),
    (503, Transient, "slow_down"),
]


def problem(status: int, code: str = "", *, retry_after: str | None = None) -> IntegrationError:
    error = ErrorBody(code, "words about a-key-of-somebody")
    return as_integration_error(S3Refusal(status, error, retry_after=retry_after, request_id="r1"))


@pytest.mark.parametrize(("status", "code", "error", "ours"), CODE_ROWS)
def test_a_code_is_somebodys_problem(
    status: int, code: str, error: type[IntegrationError], ours: str
) -> None:
    found = problem(status, code)
    assert (type(found), found.code) == (error, ours)
    assert str(found).startswith(f"S3 answered {status} {code} (request r1). ")
    assert str(found).endswith(".")
    assert "a-key-of-somebody" not in str(found)


@pytest.mark.parametrize(("status", "error", "ours"), STATUS_ROWS)
def test_a_status_without_a_code_is_somebodys_problem(
    status: int, error: type[IntegrationError], ours: str
) -> None:
    found = problem(status)
    assert (type(found), found.code) == (error, ours)
    assert str(found).startswith(f"S3 answered {status} (request r1). ")


def test_every_row_of_both_tables_is_tried() -> None:
    assert {code for _, code, _, _ in CODE_ROWS} == set(CODES)
    assert {status for status, _, _ in STATUS_ROWS} == set(STATUSES)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (302, "", NeedsAttention),
        (400, "InvalidSomething", Permanent),
        (418, "", Permanent),
        (502, "", Transient),
        (501, "NotImplemented", Transient),
    ],
)
def test_what_is_not_in_the_tables_is_judged_by_its_hundreds(
    status: int, code: str, error: type[IntegrationError]
) -> None:
    found = problem(status, code)
    assert (type(found), found.code) == (error, f"http_{status}")


def test_a_code_that_is_new_goes_by_its_status() -> None:
    assert isinstance(problem(503, "TryLater"), Transient)
    assert isinstance(problem(403, "Forbidden"), NeedsAttention)


@pytest.mark.parametrize(("said", "wait"), [("7", timedelta(seconds=7)), (None, None), ("soon", None)])
def test_a_proxy_may_say_when_to_try_again(said: str | None, wait: timedelta | None) -> None:
    found = problem(503, "SlowDown", retry_after=said)
    assert isinstance(found, Transient)
    assert found.retry_after == wait


def test_an_unreadable_success_is_in_doubt() -> None:
    found = as_integration_error(UnreadableAnswer("r1"))
    assert (type(found), found.code) == (InDoubt, "unreadable_answer")
    assert "(request r1)" in str(found)
