"""What an answer of Pigeon means for the call: status -> whose problem it is, and the next step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import ValidationError

from docs.tutorial.code.pigeon.client import PigeonRefusal
from framework.errors import Declined, InDoubt, IntegrationError, NeedsAttention, Permanent, Transient

TABLE: Mapping[int, tuple[type[IntegrationError], str]] = {
    400: (Permanent, "Compare the request with Pigeon's description."),
    401: (NeedsAttention, "Check PIGEON_KEY."),
    402: (NeedsAttention, "Buy credit at https://pigeon.example/account."),
    404: (Permanent, "Check PIGEON_BASE_URL."),
    422: (Declined, "The number cannot be reached by text messages."),
    429: (Transient, "It is tried again more slowly."),
    503: (Transient, "Pigeon took nothing. It is tried again."),
}


@contextmanager
def translated() -> Iterator[None]:
    """What Pigeon refuses inside leaves as an IntegrationError."""
    try:
        yield
    except PigeonRefusal as refusal:
        raise as_integration_error(refusal) from refusal
    except ValidationError as error:
        raise InDoubt("Pigeon's answer cannot be read.", code="unreadable_answer") from error


def as_integration_error(refusal: PigeonRefusal) -> IntegrationError:
    """A server error that the table does not know may come after the message left: it is in doubt."""
    unknown = InDoubt if refusal.status >= 500 else Permanent
    kind, next_step = TABLE.get(refusal.status, (unknown, "Compare the answer with Pigeon's description."))
    message = f"{refusal} {next_step}"
    if kind is Transient:
        return Transient(message, code=refusal.error.code, retry_after=refusal.retry_after)
    return kind(message, code=refusal.error.code)
