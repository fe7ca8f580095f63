"""Plugins, found: the built-in ones, those of installed packages, and those of a folder."""

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path

from framework.catalog.contract import Connector, Unavailable
from framework.catalog.errors import DuplicateProvider, NotAPlugin, UnavailableProvider, UnknownProvider
from framework.catalog.plugins import BUILT_IN

GROUP = "millrace.catalog"
"""The group of entry points in which a package names its plugins."""
FACTORY = "create_plugin"
"""What a file of a folder defines: a function without arguments that returns the plugin."""


class Plugins:
    """Connectors by their provider, each served once, in the order of their names."""

    def __init__(self, connectors: Iterable[Connector]) -> None:
        found: dict[str, Connector] = {}
        for connector in connectors:
            if isinstance(connector, type) or not hasattr(connector, "provider"):
                raise NotAPlugin(place="Plugins([...])", problem=f"{connector!r} has no provider")
            other = found.setdefault(connector.provider, connector)
            if other is not connector:
                raise DuplicateProvider(
                    provider=connector.provider, first=_place(other), second=_place(connector)
                )
        self._all = dict(sorted(found.items()))

    def __iter__(self) -> Iterator[Connector]:
        """The connectors that can be used here."""
        return (one for one in self._all.values() if not isinstance(one.availability(), Unavailable))

    def get(self, provider: str) -> Connector:
        """The connector of this provider. Raises UnknownProvider or UnavailableProvider."""
        connector = self._all.get(provider)
        if connector is None:
            raise UnknownProvider(provider=provider, providers=", ".join(one.provider for one in self))
        availability = connector.availability()
        if isinstance(availability, Unavailable):
            raise UnavailableProvider(provider=provider, reason=availability.reason)
        return connector

    def unavailable(self) -> Mapping[str, str]:
        """The providers that cannot be used here, each with what would help."""
        said = {name: connector.availability() for name, connector in self._all.items()}
        return {name: one.reason for name, one in said.items() if isinstance(one, Unavailable)}


def discover(folder: Path | str | None = None) -> Plugins:
    """All plugins. Raises DuplicateProvider if two serve one provider, NotAPlugin for what is none."""
    return Plugins([*(factory() for factory in BUILT_IN), *_installed(), *_lying_in(folder)])


def _installed() -> Iterator[Connector]:
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        place = f"The entry point {point.name} = {point.value}"
        try:
            factory = point.load()
        except (ImportError, AttributeError) as error:
            raise NotAPlugin(place=place, problem=str(error)) from error
        yield _made(factory, place)


def _lying_in(folder: Path | str | None) -> Iterator[Connector]:
    if folder is None:
        return
    if not Path(folder).is_dir():
        raise NotAPlugin(place=f"The folder {folder}", problem="it is not there")
    for path in sorted(Path(folder).glob("[!_]*.py")):
        name = f"millrace_catalog_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise NotAPlugin(place=str(path), problem="it cannot be imported")
        yield _made(_executed(spec, path), str(path))


def _executed(spec: ModuleSpec, path: Path) -> object:
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pydantic look their module up there
    assert spec.loader is not None, "A spec of a file has a loader"
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        del sys.modules[spec.name]
        raise NotAPlugin(place=str(path), problem=str(error)) from error
    return getattr(module, FACTORY, None)


def _made(factory: object, place: str) -> Connector:
    if not callable(factory):
        raise NotAPlugin(place=place, problem=f"there is no callable {FACTORY}")
    connector = factory()
    if not isinstance(connector, Connector):
        raise NotAPlugin(place=place, problem=f"it returns a {type(connector).__name__}")
    missing = [name for name in ("type", "provider") if not hasattr(connector, name)]
    if missing:
        raise NotAPlugin(place=place, problem=f"its connector does not say its {' and '.join(missing)}")
    return connector


def _place(connector: Connector) -> str:
    return f"{type(connector).__module__}.{type(connector).__qualname__}"
