"""The blank of a record class: what a new record has before anything was said about it."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

from framework.model.fields import UNDEFINED

_MUTABLE = frozenset({list, dict, set})


class Blank:
    """The values of a new record: defaults, evaluated once, and properties that nothing has changed."""

    __slots__ = ("_made", "_required", "_values", "facts")

    def __init__(self, facts: Mapping[str, Any], initial: Mapping[str, Any]) -> None:
        self.facts = facts.keys()
        self._values: dict[str, Any] = {**dict.fromkeys(facts), **initial}
        self._made: list[tuple[str, Callable[[], Any]]] = []
        required = []
        for name, default in facts.items():
            if default is UNDEFINED:
                required.append(name)
            elif callable(default):
                self._made.append((name, default))
            elif type(default) in _MUTABLE:
                self._made.append((name, partial(deepcopy, default)))
            else:
                self._values[name] = default
        self._required = frozenset(required)

    def filled(self, facts: Mapping[str, Any]) -> dict[str, Any] | None:
        """The values of a record of which these facts are given; None if they are too few, or others."""
        if not self._required <= facts.keys() <= self.facts:
            return None
        values = {**self._values, **facts}
        for name, make in self._made:
            if name not in facts:
                values[name] = make()
        return values

    def lacks(self, facts: Mapping[str, Any]) -> list[str]:
        """The facts that are needed and not given."""
        return [name for name in self.facts if name in self._required and name not in facts]
