"""The crier: tells the workers of other processes what was committed.

It goes by a thread of its own, after the commit, and what many transactions tell at about the same time goes
together. `NOTIFY` within the transaction would take a lock of the whole server until the commit is on the
disk: such commits go one after the other.
"""

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from framework.errors import StorageError
from framework.observe import get_logger

TELL = "SELECT pg_notify($1, told) FROM unnest($2::text[]) told"

MOST = 200
"""So many go together at most."""

PAUSE = 0.002
"""Seconds until it tells more: it is the first of many that must not wait."""

PATIENCE = 0.25
"""Seconds after which the thread of somebody who tells nothing ends; it begins again when he does."""

_log = get_logger(__name__)


class Crier:
    """Tells by `tell`, which takes all that is to be told, and may raise: then it is not told.

    While this process is `alone`, nobody is told what there is to do: its own worker has heard of the commit
    already, and there is no other.
    """

    def __init__(self, tell: Callable[[Sequence[str]], None]) -> None:
        self.alone = False
        self._tell = tell
        self._texts: SimpleQueue[str | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def cry(self, text: str, *, to_all: bool = False) -> None:
        """Tell it soon, if there is another worker, or to all that listen; from any thread."""
        if self.alone and not to_all:
            return
        with self._starting:
            self._texts.put(text)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="millrace-crier", daemon=True)
                self._thread.start()
                atexit.register(self.close)  # what a script says last is heard, too

    def close(self) -> None:
        """Tell what is still to be told, and end."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._texts.put(None)
            thread.join()
            atexit.unregister(self.close)

    def _run(self) -> None:
        while True:
            try:
                text = self._texts.get(timeout=PATIENCE)
            except Empty:
                if self._rests():
                    return
                continue
            texts = [] if text is None else [text]
            with suppress(Empty):
                while text is not None and len(texts) < MOST:
                    text = self._texts.get_nowait()
                    texts += [] if text is None else [text]
            if texts:
                self._say(texts)
            if text is None:
                return
            time.sleep(PAUSE)

    def _rests(self) -> bool:
        """Whether the thread ends, because nobody has told anything for a while: so nothing keeps an App that
        nobody closes.
        """
        with self._starting:
            if self._thread is not threading.current_thread() or not self._texts.empty():
                return False
            self._thread = None
        atexit.unregister(self.close)
        return True

    def _say(self, texts: Sequence[str]) -> None:
        """Tell them, and once more if the connection was lost: nobody finds out by himself that an operator
        lets an integration go on. Who hears something twice is none the worse.
        """
        try:
            try:
                self._tell(texts)
            except StorageError:
                self._tell(texts)
        except Exception as error:  # noqa: BLE001  # whoever missed it looks for himself
            _log.warning("other processes were not told what is due", reason=str(error))
