"""Tenancy: whose data is meant, said once around all that is done for them.

    with tenant("acme"):
        app.dispatch(OrderPlaced(...))

What is entered goes along with the context: into threads of `anyio.to_thread`, into tasks, into log lines.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any, Literal, NoReturn, TypeAlias

from framework.errors import DeclarationError, DispatchError
from framework.observe import get_logger

_log = get_logger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_NOBODY = ""
_entered: ContextVar[str | None] = ContextVar("millrace_tenant", default=None)


Tenancy: TypeAlias = Literal["none", "required"]
"""Whether records belong to tenants."""


class InvalidTenant(DispatchError):
    """{name!r} cannot be the name of a tenant. Use 1 to 63 of the letters A to Z, digits, `_`, `.` and `-`,
    and begin with a letter or a digit.
    """


class NoTenant(DispatchError):
    """This App keeps the data of its tenants apart, and no tenant is entered. Do this in
    `with tenant("acme"):`.
    """


class UnknownTenant(DispatchError):
    """This App has no tenant {name!r}. Correct the name, or make the tenant once with
    `app.create_tenant({name!r})`.
    """


class AnotherTenant(DispatchError):
    """This transaction belongs to the tenant {tenant!r}, but {entered} is entered now. Use one transaction
    for each tenant, and end it where it began.
    """


class WithoutTenancy(DispatchError):
    """The records of this App have no tenants. For those that do, build it with
    `Settings(tenancy="required")`.
    """


class Misdeclared(DeclarationError):
    """Settings({settings}) cannot be: {reason}"""


class Unlisted(str):
    """The name of a tenant that is being made, or is going, and is not looked for among those that are
    there.
    """

    __slots__ = ()


@contextmanager
def tenant(name: str) -> Iterator[str]:
    """Do all that is in the block for this tenant; raises InvalidTenant."""
    refuse_name(name)
    with _entering(name), _told_to_logs().bound_contextvars(tenant=str(name)):
        yield name


def current_tenant() -> str:
    """The tenant that is entered; raises NoTenant, and logs it."""
    name = entered()
    if not name:
        _refuse()
    return name


def tenant_key(key: str) -> str:
    """The key for a cache that many tenants share: `tenant:acme:key`. Raises NoTenant."""
    return f"tenant:{current_tenant()}:{key}"


def entered() -> str:
    """The tenant that is entered, "" for nobody; raises NoTenant, and logs it: somewhere a tenant was
    forgotten.
    """
    name = _entered.get()
    if name is None:
        _refuse()
    return name


def refuse_another(name: str) -> None:
    """Raise AnotherTenant unless this one is entered."""
    if (other := _entered.get()) != name:
        raise AnotherTenant(tenant=name, entered=repr(other) if other else "none")


def is_anybody() -> bool:
    """Whether a tenant is entered."""
    return bool(_entered.get())


@contextmanager
def within(name: str | None) -> Iterator[None]:
    """Do what is in the block for the tenant of a record; None is that of all records where there are no
    tenants.
    """
    if name is None:
        yield
        return
    with tenant(name):
        yield


def context_of(name: str | None) -> Context | None:
    """A context of its own in which this tenant is entered."""
    if name is None:
        return None
    context = copy_context()
    context.run(_entered.set, name)
    context.run(_told_to_logs().bind_contextvars, tenant=name)
    return context


def context_outside() -> Context:
    """A context of its own in which no tenant is entered, for what goes on when the caller has long left."""
    context = copy_context()
    context.run(_entered.set, None)
    context.run(_told_to_logs().unbind_contextvars, "tenant")
    return context


def _told_to_logs() -> Any:
    """What structlog says in every line; it is imported by those who have tenants."""
    from structlog import contextvars

    return contextvars


@contextmanager
def nobody() -> Iterator[None]:
    """Do what is in the block for no tenant: it sees what tenants share, and none of their records."""
    with _entering(_NOBODY):
        yield


@contextmanager
def _entering(name: str) -> Iterator[None]:
    token = _entered.set(name)
    try:
        yield
    finally:
        _entered.reset(token)


def refuse_name(name: object) -> None:
    """Raise InvalidTenant for what cannot be the name of a tenant."""
    if not _is_name(name):
        raise InvalidTenant(name=name)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _refuse() -> NoReturn:
    _log.error("an access without a tenant was refused")
    raise NoTenant()
