"""The collector of cycles, at rest while many records are made that nobody will throw away before the end."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_resting = 0
_was_on = False


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Let the collector rest while the block runs.

    It would look through all of them again and again: two thirds of the cost of ten thousand records. Drop
    within the block what was made in it, else it is looked through at the end.
    """
    global _resting, _was_on
    with _lock:
        if not _resting:
            _was_on = gc.isenabled()
            gc.disable()
        _resting += 1
    try:
        yield
    finally:
        with _lock:
            _resting -= 1
            if not _resting and _was_on:
                gc.enable()
