"""Refusals: which answer an error is, and what of it the user may know."""

import math
import sqlite3
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from framework.errors import (
    Declined,
    DispatchError,
    IntegrationError,
    NeedsAttention,
    StorageError,
    Transient,
)
from framework.integration.inputs import InvalidInput
from framework.integration.requests import NoSuchQuestion
from framework.integration.visit import RateReached
from framework.integration.workshop import NoSuchCall
from framework.observe import redactor
from framework.runtime.errors import NoSuchRecord, StaleWork
from framework.tenancy import UnknownTenant
from framework.web.problem import problem


class NoPolicy(DispatchError):
    """This App does not say who may use its API, so nobody may. Give it one that does, such as
    App(settings=Settings(authorize=BearerTokens({{"operator": AuthRef("env://API_TOKEN")}}))).
    """


class NoTenantPolicy(DispatchError):
    """This App has tenants and does not say which of them a user of its API belongs to, so nobody may use it.
    Give it one that does, such as App(settings=Settings(tenant_of={{"operator": "acme"}}.get)).
    """


class NotYourTenant(DispatchError):
    """You do not belong to the tenant that was asked for."""


class Stranger(DispatchError):
    """Say who you are: this API knows nobody by what was sent."""


class NoSuchApi(DispatchError):
    """{integration} has no api {name!r}. It has: {known}."""


class NotJSON(DispatchError):
    """The body must be JSON, and be called `application/json`."""


class Invalid(DispatchError):
    """The request is not valid: {summary}."""


def refusal(error: Exception) -> Response | None:
    """The answer to an error; None for one that is nobody's but ours.

    What a vendor or a driver said is for the log: users see it where the vendor declined, and nowhere else.
    """
    match error:
        case NoPolicy() | NoTenantPolicy() | NotYourTenant() | UnknownTenant():
            return problem(HTTPStatus.FORBIDDEN, str(error))
        case Stranger():
            return _with(problem(HTTPStatus.UNAUTHORIZED, str(error)), "www-authenticate", "Bearer")
        case NotJSON():
            return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error))
        case Invalid():
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), errors=error.errors)
        case InvalidInput():
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        case NoSuchApi() | NoSuchRecord() | NoSuchQuestion() | NoSuchCall():
            return problem(HTTPStatus.NOT_FOUND, str(error))
        case StaleWork() | StorageError() | sqlite3.Error():
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer. Try again later.")
        case IntegrationError():
            return _of_the_vendor(error)
        case DispatchError():
            return problem(HTTPStatus.CONFLICT, redactor.text(str(error)))
        case _:
            return None


def _of_the_vendor(error: IntegrationError) -> Response:
    code: dict[str, Any] = {"code": error.code}
    match error:
        case Declined():
            return problem(HTTPStatus.CONFLICT, redactor.text(str(error)), **code)
        case NeedsAttention():
            said = "The operator of this App must look after the integration first."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, said, **code)
        case RateReached():
            return _later(problem(HTTPStatus.TOO_MANY_REQUESTS, str(error), **code), error.retry_after)
        case Transient(retry_after=wait):
            busy = problem(HTTPStatus.SERVICE_UNAVAILABLE, "The vendor is busy. Try again later.", **code)
            return _later(busy, wait)
        case _:
            return problem(HTTPStatus.BAD_GATEWAY, "The vendor gave no answer that could be used.", **code)


def _later(answer: Response, wait: timedelta | None) -> Response:
    return answer if wait is None else _with(answer, "retry-after", str(math.ceil(wait.total_seconds())))


def _with(answer: Response, name: str, value: str) -> Response:
    answer.headers[name] = value
    return answer
