"""Registrations: a verb applied to a function, and the mistakes that can be seen in that alone."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from framework.errors import DeclarationError
from framework.integration.handlers import DeliveryKey, DeliveryTenant
from framework.integration.signature import Verify
from framework.model.apicall import APICall
from framework.model.record import Record
from framework.model.words import takes


class Nature(Enum):
    """Whether a handler waits for the world."""

    ASYNC = "`async def`"
    SYNC = "plain `def`"
    EITHER = "`async def`, with or without `yield`"


@dataclass(frozen=True)
class Shape:
    """How a handler of a verb is called."""

    arguments: tuple[str, ...]
    nature: Nature = Nature.ASYNC

    def __str__(self) -> str:
        return f"{self.nature.value} with the arguments ({', '.join(self.arguments)})"


SHAPES: Mapping[str, Shape] = {
    "call": Shape(("call", "http")),
    "submit": Shape(("call", "http")),
    "poll": Shape(("call", "http")),
    "recover": Shape(("call", "http")),
    "cancel": Shape(("call", "http")),
    "api": Shape(("call", "http")),
    "reconcile": Shape(("since", "http"), Nature.EITHER),
    "webhook": Shape(("delivery",), Nature.SYNC),
    "inbound": Shape(("delivery",), Nature.SYNC),
    "key": Shape(("delivery",), Nature.SYNC),
    "tenant": Shape(("delivery",), Nature.SYNC),
    "verify": Shape(("delivery",), Nature.SYNC),
    "side_effect": Shape(("record", "http")),
    "test_connection": Shape(("http",)),
    "check_health": Shape(("http",)),
    "on_start": Shape(()),
    "on_stop": Shape(()),
}


class WrongHandlerShape(DeclarationError):
    """{function} of integration {integration} cannot serve as {verb} of {target}: declare it as {shape}."""


class VerbWithoutClass(DeclarationError):
    """The verb `{verb}` stands above {function} without the class that it is for. Write
    `@integration.{verb}(Charge)`.
    """


class VerbWithoutFunction(DeclarationError):
    """Integration {integration} says `{verb}({given})` of no function. Write `@integration.{verb}({given})`
    above one.
    """


class InboundWithoutKey(DeclarationError):
    """The inbound path {path!r} of integration {integration} has no `key`, so that a repeated delivery would
    happen again. Give it a function that reads the vendor's name for the delivery.
    """


class NotACall(DeclarationError):
    """{integration}.{verb} was given {given}, no {wanted}. Declare `class {name}({base}, table=True)`."""


@dataclass(frozen=True)
class Registration:
    """One verb, the class that it was applied to, and the function under it."""

    verb: str
    function: Callable[..., Any]
    record: type[Record] | None = None
    path: str = ""
    verify: Verify | None = field(default=None)
    key: DeliveryKey | None = field(default=None)
    tenant: DeliveryTenant | None = field(default=None)


def check(integration: str, registrations: Sequence[Registration]) -> None:
    """Raise for the first registration of a wrong class, or of a function that its verb cannot call."""
    for registration in registrations:
        _check_class(integration, registration)
        _check_shape(integration, registration.verb, registration.function, registration.record)
        if registration.verb == "inbound" and registration.key is None:
            raise InboundWithoutKey(integration=integration, path=registration.path)
        if registration.verify is not None:
            _check_shape(integration, "verify", registration.verify, registration.record)
        if registration.key is not None:
            _check_shape(integration, "key", registration.key, registration.record)
        if registration.tenant is not None:
            _check_shape(integration, "tenant", registration.tenant, registration.record)


_OF_CALLS = ("call", "submit", "poll", "webhook", "recover", "reconcile", "cancel", "api", "side_effect")


def _check_class(integration: str, registration: Registration) -> None:
    if registration.record is None and registration.verb not in _OF_CALLS:
        return
    wanted: type[Record] = Record if registration.verb == "side_effect" else APICall
    given: Any = registration.record
    if not (isinstance(given, type) and issubclass(given, wanted) and given.model_config.get("table")):
        name = getattr(given, "__name__", "Charge")
        said = getattr(given, "__name__", repr(given))
        base = "Entity" if wanted is Record else "APICall"
        raise NotACall(
            integration=integration,
            verb=registration.verb,
            given=said,
            wanted="record with a table" if wanted is Record else "call class with a table",
            name=name,
            base=base,
        )


def _check_shape(integration: str, verb: str, function: Callable[..., Any], record: type | None) -> None:
    shape = SHAPES[verb]
    counts = [len(shape.arguments) + more for more in range(2 if verb == "api" else 1)]
    if not (any(takes(function, count) for count in counts) and _is(function, shape.nature)):
        raise WrongHandlerShape(
            function=getattr(function, "__qualname__", repr(function)),
            integration=integration,
            verb=verb,
            target=record.__name__ if record else "the integration",
            shape=shape,
        )


def _is(function: Callable[..., Any], nature: Nature) -> bool:
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    waits = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
    streams = inspect.isasyncgenfunction(function) or inspect.isasyncgenfunction(called)
    match nature:
        case Nature.ASYNC:
            return waits
        case Nature.SYNC:
            return not waits and not streams
        case Nature.EITHER:
            return waits or streams
