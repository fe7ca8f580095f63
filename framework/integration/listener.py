"""The listener: a process that does not work hears what workers find out about vendors.

So it can say how they are, and refuses at once what a user asks of one that is paused or does not answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from framework.integration.notice import MISSED, Notice
from framework.integration.shared import FIRST_PAUSE, LONGEST_PAUSE
from framework.observe import get_logger
from framework.runtime.engine import Engine

if TYPE_CHECKING:  # the driver is an extra
    from framework.storage.presence import Presence

_log = get_logger(__name__)

AGAIN = 3600.0
"""Seconds for which it listens at a time."""


class Listener:
    """Asks the workers what they know, whenever it has come, or was deaf; what they tell goes to `hear`, and
    MISSED before that.
    """

    def __init__(self, engine: Engine, presence: "Presence", hear: Callable[[Notice], None]) -> None:
        self._engine = engine
        self._presence = presence
        self._hear = hear

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while the block runs, also after the connection was lost."""
        attending = asyncio.create_task(self._attend())
        try:
            yield
        finally:
            attending.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait({attending})
                await self._presence.leave()

    async def _attend(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._presence.enter(Notice(by=self._engine.token, asks=self._presence.token).text())
                self._hear(MISSED)
                pause = FIRST_PAUSE
                while True:
                    async for text in self._presence.heard(AGAIN):
                        notice = Notice.read(text)
                        if notice.by != self._engine.token:
                            self._hear(notice)
            except Exception as error:  # noqa: BLE001  # whoever stops listening is deaf for good
                _log.warning("a process does not hear the workers", reason=str(error), again_in=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
