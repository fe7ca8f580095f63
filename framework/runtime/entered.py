"""Which thread is inside a transaction."""

import threading

from framework.runtime.errors import ClosedWithin, NestedDispatch


class _Thread(threading.local):
    transaction = False


class Entered:
    """Marks the thread that is inside a transaction, so that it cannot start another one there."""

    def __init__(self) -> None:
        self._inside = _Thread()

    def __enter__(self) -> None:
        self._inside.transaction = True

    def __exit__(self, *raised: object) -> None:
        self._inside.transaction = False

    def refuse_nested(self) -> None:
        if self._inside.transaction:
            raise NestedDispatch()

    def refuse_close(self) -> None:
        if self._inside.transaction:
            raise ClosedWithin()
