"""What an App is made of: each argument is what it takes."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any, get_args

from framework.errors import DeclarationError
from framework.model.words import takes
from framework.storage.database import Synchronous
from framework.storage.opening import url_of
from framework.tenancy import Misdeclared, Tenancy


class WrongArgument(DeclarationError):
    """App({name}=...) takes {wanted}, and was given {given!r}. Pass `{example}`."""


def check_modules(modules: Any) -> None:
    """Raises WrongArgument unless it is a list of something."""
    if not _is_list(modules):
        raise WrongArgument(
            name="modules",
            wanted="a list of modules, or of lists of classes and rules",
            given=modules,
            example="modules=[business]",
        )


def check_integrations(integrations: Any) -> None:
    """Raises WrongArgument unless it is a list of integrations."""
    listed = _is_list(integrations)
    if listed and not integrations:
        return
    from framework.integration.integration import Integration  # whoever has none does without it

    wrong = [one for one in integrations if not isinstance(one, Integration)] if listed else [integrations]
    if wrong:
        raise WrongArgument(
            name="integrations",
            wanted="a list of integrations, as their factories make them",
            given=wrong[0],
            example="integrations=[create_stripe_integration(call=Charge)]",
        )


def check_database(database: Any) -> None:
    """Raises WrongArgument, or UnsupportedDatabase, unless it is the URL of one."""
    if not isinstance(database, str):
        raise WrongArgument(
            name="database", wanted="a URL", given=database, example='database="sqlite:///shop.db"'
        )
    url_of(database)


def check_settings(settings: Any, kind: type) -> None:
    """Raises WrongArgument unless it is of the kind, and Misdeclared unless each of its parts can be."""
    if not isinstance(settings, kind):
        raise WrongArgument(
            name="settings", wanted="Settings", given=settings, example="settings=Settings(strict_reads=True)"
        )
    for name, (fits, must) in _SETTINGS.items():
        given = getattr(settings, name)
        if not fits(given):
            raise Misdeclared(settings=f"{name}={given!r}", reason=f"it is {must}.")


def check_clock(clock: Any) -> None:
    """Raises WrongArgument unless it can be asked for the time."""
    if isinstance(clock, type) or not callable(getattr(clock, "now", None)) or isinstance(clock, datetime):
        raise WrongArgument(
            name="clock", wanted="a clock", given=clock, example="clock=ManualClock(datetime.now(UTC))"
        )


def _is_yes_or_no(given: Any) -> bool:
    return isinstance(given, bool)


def _is_positive(kind: Any, given: Any) -> bool:
    return isinstance(given, kind) and not isinstance(given, bool) and given > 0


def _takes(count: int, given: Any) -> bool:
    """Whether it is a function that takes so much, or None."""
    return given is None or takes(given, count)


def _answers(count: int, given: Any) -> bool:
    return _takes(count, given) and not iscoroutinefunction(given)


_YES_OR_NO = (_is_yes_or_no, "True or False")
_SETTINGS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("strict_calls", "strict_reads", "measure", "require_actor", "works"), _YES_OR_NO),
    "synchronous": (get_args(Synchronous).__contains__, '"FULL" or "NORMAL"'),
    "patience": (partial(_is_positive, int | float), "a number of seconds above 0"),
    "max_delivery_bytes": (partial(_is_positive, int), "a whole number of bytes above 0"),
    "tenancy": (get_args(Tenancy).__contains__, "'required' or 'none'"),
    "authorize": (
        partial(_takes, 1),
        'a function of the request, such as BearerTokens({"operator": AuthRef("env://API_TOKEN")})',
    ),
    "permits": (partial(_answers, 3), "a plain function (actor, action, call) -> bool"),
    "tenant_of": (partial(_answers, 1), 'a plain function of the actor, such as `{"operator": "acme"}.get`'),
}
"""By name, what a setting must be."""


def _is_list(given: Any) -> bool:
    return isinstance(given, Collection) and not isinstance(given, str | type | ModuleType)
