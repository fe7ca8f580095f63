"""What is known of statements by their form: the key under which SQLAlchemy keeps them compiled."""

from typing import Any, TypeVar

V = TypeVar("V")

_MOST = 500
"""So many forms are remembered: as many as SQLAlchemy remembers compiled."""


class Remembered(dict[Any, V]):
    """By form, until there are too many; then from the beginning."""

    def remember(self, form: Any, known: V) -> None:
        """Keep what is known of the form."""
        if len(self) >= _MOST:
            self.clear()
        self[form] = known
