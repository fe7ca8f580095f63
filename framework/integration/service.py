"""Which integration serves which call class: checked when the App is built."""

from collections.abc import Iterable
from typing import Any

from framework.errors import DeclarationError
from framework.integration.desk import Desk
from framework.integration.integration import Integration
from framework.observe import Metrics, get_logger
from framework.plan.plan import Plan
from framework.plan.shape import Kind, Shape

_log = get_logger(__name__)


class ServedTwice(DeclarationError):
    """{call} is served by two integrations, {one} and {other}. Let one of them serve another call class."""


class UnservedCall(DeclarationError):
    """Nobody carries out {call}: its calls would stay pending for ever. Pass an integration that
    serves it to App(integrations=[...]).
    """


class UndeclaredCall(DeclarationError):
    """The integration {integration} serves {call}, which is not part of this App. Add its module to
    App(modules=[...]).
    """


class SameName(DeclarationError):
    """Two integrations of this App are called {name!r}. The name is part of addresses: give each its own."""


def desks_of(
    plan: Plan, integrations: Iterable[Integration[Any]], metrics: Metrics, *, strict: bool
) -> dict[Shape, Desk]:
    """A desk for each call class that is served; a call class that is not is a warning, or an error if
    `strict`.
    """
    desks: dict[Shape, Desk] = {}
    names: set[str] = set()
    for integration in integrations:
        integration.configure()
        if integration.name in names:
            raise SameName(name=integration.name)
        names.add(integration.name)
        for model, handlers in integration.handlers.items():
            shape = plan.shapes.get(model)
            if shape is None:
                raise UndeclaredCall(integration=integration.name, call=model.__name__)
            if shape in desks:
                raise ServedTwice(call=shape.name, one=desks[shape].integration.name, other=integration.name)
            desks[shape] = Desk(integration, handlers, shape, metrics)
    for shape in plan.of_kind(Kind.CALL):
        if shape not in desks:
            unserved = UnservedCall(call=shape.name)
            if strict:
                raise unserved
            _log.warning("nobody serves a call class", call=shape.name, remedy=str(unserved))
    return desks
