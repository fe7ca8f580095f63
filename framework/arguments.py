"""What an App is made of: each argument is what it takes."""

from collections.abc import Collection
from types import ModuleType
from typing import Any

from framework.errors import DeclarationError
from framework.integration.integration import Integration
from framework.storage.opening import url_of


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
    """Raises WrongArgument unless it is of the kind."""
    if not isinstance(settings, kind):
        raise WrongArgument(
            name="settings", wanted="Settings", given=settings, example="settings=Settings(strict_reads=True)"
        )


def _is_list(given: Any) -> bool:
    return isinstance(given, Collection) and not isinstance(given, str | type | ModuleType)
