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

    It would look through all of them again and again: two thirds of the cost of ten thousand records.
    Afterwards what was made counts as old, so that it is not looked through at once.
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
                if not gc.get_freeze_count():  # what the program itself has frozen stays so
                    gc.freeze()
                    gc.unfreeze()
                gc.enable()
