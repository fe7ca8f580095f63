"""Find the App that a command is about."""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

from dotenv import load_dotenv

from framework.app import App
from framework.cli.errors import BadAddress, NoSuchApp, NoSuchModule

DOTENV = Path(".env")


def load_environment() -> None:
    """Take the variables of `.env`, as far as the environment does not have them."""
    load_dotenv(DOTENV, override=False)


def load(address: str, database: str | None = None) -> App:
    """The App at `module:name`, or what a function of that name returns; on another database if one is given.

    Modules are looked for in the working directory first. Raises CommandError.
    """
    module_name, separator, name = address.partition(":")
    if not (module_name and separator and name):
        raise BadAddress(address=address)
    module = named_module(module_name)
    found = getattr(module, name, None)
    app = found() if callable(found) and not isinstance(found, type) else found
    if not isinstance(app, App):
        apps = sorted(key for key, value in vars(module).items() if isinstance(value, App))
        raise NoSuchApp(module=module_name, name=name, apps=", ".join(apps) or "none")
    if database is not None:
        app.url = database
    return app


def named_module(name: str) -> ModuleType:
    """The module of this name, looked for in the working directory first. Raises NoSuchModule."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise  # the module is there, and something that it needs is not
        raise NoSuchModule(module=name, reason=str(error)) from error
