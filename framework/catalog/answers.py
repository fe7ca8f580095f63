"""Answers of vendors, judged: what they mean for us, and what they hold."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from framework.errors import IntegrationError, NeedsAttention, Permanent, Transient


class Answer(Protocol):
    """The part of an HTTP response that counts here."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...


class Wire(BaseModel):
    """A vendor's object, tolerant of what it did not have before."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


W = TypeVar("W", bound=Wire)
A = TypeVar("A", bound=Answer)


def accepted(answer: A) -> A:
    """The answer, if it is a success; else the IntegrationError that says whose problem it is."""
    if 200 <= answer.status_code < 300:
        return answer
    raise _problem(answer.status_code)


def read(answer: Answer, model: type[W]) -> W:
    """What a success holds. Raises IntegrationError, also for what is not as described."""
    try:
        return model.model_validate_json(accepted(answer).content)
    except ValidationError as error:
        said = f"The answer is no {model.__name__}: is this the address of what the entry says it is?"
        raise Permanent(said, code="unexpected_answer") from error


def _problem(status: int) -> IntegrationError:
    match status:
        case 401 | 403:
            return NeedsAttention(f"The credentials were refused ({status}).", code="refused")
        case 404:
            return Permanent("There is no such thing at this address (404).", code="not_found")
        case 429:
            return Transient("It asks us to slow down (429).", code="throttled")
        case _ if status >= 500 or status in (408, 425):
            return Transient(f"It cannot answer now ({status}).", code="vendor_error")
        case _ if 300 <= status < 400:
            return Permanent(f"It has moved ({status}). Correct the entry's base_url.", code="moved")
        case _:
            return Permanent(f"It did not understand the request ({status}).", code="bad_request")
