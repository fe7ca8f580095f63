"""What an answer of S3 means for the call: code, or else status -> whose problem it is, and the next step.

All requests made here may be repeated: HEAD and GET change nothing, DELETE and a PUT of the same bytes under
the same key come to the same.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from framework.errors import InDoubt, IntegrationError, NeedsAttention, Permanent, Transient
from integrations.s3.client import S3Refusal, UnreadableAnswer


@dataclass(frozen=True)
class Meaning:
    """One row: the class of the error, its code, and what to do next."""

    error: type[IntegrationError]
    code: str
    next_step: str


SLOWLY = "It is tried again more slowly."
AGAIN = "It is tried again."
KEYS = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."

CODES: Mapping[str, Meaning] = {
    "AccessDenied": Meaning(
        NeedsAttention, "access_denied", "Allow the key s3:GetObject, PutObject, DeleteObject and ListBucket."
    ),
    "AccountProblem": Meaning(NeedsAttention, "account_problem", "Ask AWS about the account."),
    "AllAccessDisabled": Meaning(NeedsAttention, "account_problem", "Ask AWS about the bucket."),
    "AuthorizationHeaderMalformed": Meaning(
        NeedsAttention, "wrong_region", "Set AWS_REGION to the region of the bucket."
    ),
    "BadDigest": Meaning(Transient, "damaged", AGAIN),
    "EntityTooLarge": Meaning(Permanent, "too_large", "S3 takes 5 GiB in one request."),
    "ExpiredToken": Meaning(NeedsAttention, "expired_token", "Renew AWS_SESSION_TOKEN and its keys."),
    "IncompleteBody": Meaning(Transient, "damaged", AGAIN),
    "InternalError": Meaning(Transient, "internal_error", AGAIN),
    "InvalidAccessKeyId": Meaning(NeedsAttention, "unknown_key", KEYS),
    "InvalidBucketName": Meaning(NeedsAttention, "no_bucket", "Check S3_BUCKET_NAME."),
    "InvalidToken": Meaning(NeedsAttention, "expired_token", "Renew AWS_SESSION_TOKEN and its keys."),
    "KeyTooLongError": Meaning(Permanent, "key_too_long", "Shorten the name: a key has 1,024 bytes."),
    "MethodNotAllowed": Meaning(Permanent, "method_not_allowed", "Check S3_BASE_URL."),
    "NoSuchBucket": Meaning(NeedsAttention, "no_bucket", "Create the bucket, or check S3_BUCKET_NAME."),
    "NoSuchKey": Meaning(Permanent, "no_object", "Upload the object first."),
    "NoSuchUpload": Meaning(Permanent, "no_object", "Upload the object first."),
    "OperationAborted": Meaning(Transient, "conflict", AGAIN),
    "PermanentRedirect": Meaning(
        NeedsAttention, "wrong_region", "Set AWS_REGION to the region of the bucket."
    ),
    "PreconditionFailed": Meaning(Permanent, "exists_already", "Make a new call: an object is written once."),
    "QuotaExceeded": Meaning(NeedsAttention, "quota_exceeded", "Make room in the storage."),
    "RequestTimeTooSkewed": Meaning(
        NeedsAttention, "clock_skewed", "Set the clock of this machine: S3 allows 15 minutes."
    ),
    "RequestTimeout": Meaning(Transient, "timeout", AGAIN),
    "ServiceUnavailable": Meaning(Transient, "unavailable", SLOWLY),
    "SignatureDoesNotMatch": Meaning(NeedsAttention, "wrong_signature", KEYS),
    "SlowDown": Meaning(Transient, "slow_down", SLOWLY),
    "TemporaryRedirect": Meaning(Transient, "redirected", AGAIN),
    "XAmzContentSHA256Mismatch": Meaning(Transient, "damaged", AGAIN),
}

STATUSES: Mapping[int, Meaning] = {
    301: CODES["PermanentRedirect"],
    307: CODES["TemporaryRedirect"],
    400: Meaning(
        NeedsAttention,
        "bad_request",
        "Check AWS_REGION, AWS_SESSION_TOKEN and S3_BASE_URL; HEAD says no more.",
    ),
    403: CODES["AccessDenied"],
    404: CODES["NoSuchKey"],
    408: CODES["RequestTimeout"],
    412: CODES["PreconditionFailed"],
    429: CODES["SlowDown"],
    500: CODES["InternalError"],
    503: CODES["SlowDown"],
}


@contextmanager
def refusals_translated() -> Iterator[None]:
    """What S3 refuses inside, or answers unreadably, leaves as an IntegrationError."""
    try:
        yield
    except (S3Refusal, UnreadableAnswer) as refusal:
        raise as_integration_error(refusal) from refusal


def meaning_of(refusal: S3Refusal) -> Meaning:
    """The row of a refusal: by its code, where it has one that is known, and else by its status."""
    known = CODES.get(refusal.error.code)
    if known is not None:
        return known
    if refusal.status in STATUSES and not (refusal.error.code and refusal.status == 400):
        return STATUSES[refusal.status]
    code = f"http_{refusal.status}"
    if refusal.status >= 500:
        return Meaning(Transient, code, AGAIN)
    if refusal.status >= 400:
        return Meaning(Permanent, code, "Compare the request with the documentation.")
    return Meaning(NeedsAttention, code, "Check S3_BASE_URL: it does not lead to S3.")


def as_integration_error(refusal: S3Refusal | UnreadableAnswer) -> IntegrationError:
    """The error that the framework decides by. It names S3's request id, which their support asks for."""
    request = f" (request {refusal.request_id})" if refusal.request_id else ""
    if isinstance(refusal, UnreadableAnswer):
        return InDoubt(
            f"S3 answered something that cannot be read{request}. Compare it with its documentation.",
            code="unreadable_answer",
        )
    meaning = meaning_of(refusal)
    said = f"{refusal.status} {refusal.error.code}".rstrip()
    message = f"S3 answered {said}{request}. {meaning.next_step}"
    if meaning.error is Transient:
        return Transient(message, code=meaning.code, retry_after=_seconds(refusal.retry_after))
    return meaning.error(message, code=meaning.code)


def _seconds(retry_after: str | None) -> timedelta | None:
    """S3 itself gives none; proxies before other storages give seconds."""
    return timedelta(seconds=int(retry_after)) if retry_after and retry_after.isdecimal() else None
