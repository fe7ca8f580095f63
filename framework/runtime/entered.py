"""Which thread is inside a transaction."""

import threading

from framework.runtime.errors import ClosedWithin, NestedDispatch


class Entered:
    """Marks the thread that is inside a transaction, so that it cannot start another one there."""

    def __init__(self) -> None:
        self._inside = threading.local()

    def __enter__(self) -> None:
        self._inside.transaction = True

    def __exit__(self, *raised: object) -> None:
        self._inside.transaction = False

    def refuse_nested(self) -> None:
        if getattr(self._inside, "transaction", False):
            raise NestedDispatch()

    def refuse_close(self) -> None:
        if self.is_inside:
            raise ClosedWithin()

    @property
    def is_inside(self) -> bool:
        """Whether this thread is inside a transaction."""
        return getattr(self._inside, "transaction", False)
