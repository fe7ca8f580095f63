"""Who is inside a transaction."""

import threading
from contextvars import ContextVar
from typing import Protocol

from framework.runtime.errors import ClosedWithin, NestedDispatch


class _Thread(threading.local):
    transaction = False


class Block(Protocol):
    """A transaction of the caller's own, within which others may be given work: threads, tasks."""

    outer: "Block | None"

    def is_of(self, entered: "Entered") -> bool:
        """Whether it is one of this App, and still under way."""


BLOCK: ContextVar[Block | None] = ContextVar("block", default=None)
"""The innermost one."""


class Entered:
    """Marks the thread that is inside a transaction, so that it cannot start another one there, nor can who
    does something for it: that would wait for what waits for it.
    """

    def __init__(self) -> None:
        self._inside = _Thread()

    def __enter__(self) -> None:
        self._inside.transaction = True

    def __exit__(self, *raised: object) -> None:
        self._inside.transaction = False

    def refuse_nested(self) -> None:
        if self._inside.transaction or (BLOCK.get() is not None and self._has_block()):
            raise NestedDispatch()

    def refuse_close(self) -> None:
        if self._inside.transaction or self._has_block():
            raise ClosedWithin()

    def _has_block(self) -> bool:
        block = BLOCK.get()
        while block is not None:
            if block.is_of(self):
                return True
            block = block.outer
        return False
