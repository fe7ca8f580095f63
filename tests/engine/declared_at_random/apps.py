"""Apps of what is declared at random."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import ModuleType

from hypothesis import note

from framework.app import App, Settings
from framework.clock import ManualClock
from tests.engine.declared_at_random.keeping import START
from tests.engine.declared_at_random.schema import Schema

_numbers = count()


@contextmanager
def module_of(source: str, name: str = "") -> Iterator[ModuleType]:
    """The module that the source makes."""
    module = ModuleType(name or f"declared_{next(_numbers)}")
    sys.modules[module.__name__] = module  # where types are looked up by their names
    try:
        exec(compile(source, module.__name__, "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules[module.__name__]


@contextmanager
def app_of(
    schema: Schema, database: str, name: str = "", clock: ManualClock | None = None
) -> Iterator[tuple[App, ModuleType]]:
    note(schema.source)
    with module_of(schema.source, name) as module:
        clock = clock or ManualClock(START)
        app = App([module], database=database, settings=Settings(synchronous="OFF"), clock=clock)
        try:
            yield app, module
        finally:
            app.close()
