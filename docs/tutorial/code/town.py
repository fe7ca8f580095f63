"""The shop and a double of Pigeon, each on a socket, to see what happens between them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from unittest.mock import patch

from starlette.types import ASGIApp

from docs.tutorial.code import shop
from docs.tutorial.code.pigeon import PigeonSettings, create_pigeon_integration
from docs.tutorial.code.pigeon.sandbox import PigeonSandbox
from framework.app import App, opened
from framework.integration.policy import Policy, PollSchedule, Retry
from framework.testing.sandbox import Faults, listening

IMPATIENT = Policy(retry=Retry(base=0.02), poll=PollSchedule(first=0.3, factor=1), on_doubt="recover")


@dataclass
class Town:
    """A running shop, the double, and the address of both."""

    app: App
    pigeon: PigeonSandbox
    address: str


@dataclass
class Front:
    """The web face of an App, which something else puts on a socket."""

    app: ASGIApp

    async def aclose(self) -> None:
        """The App is closed by whoever opened it."""


@asynccontextmanager
async def town(faults: Faults | None = None) -> AsyncIterator[Town]:
    """A town whose worker is at work while the block runs."""
    pigeon = PigeonSandbox(faults=faults)
    with patch.dict(os.environ, pigeon.environment):
        async with listening({"pigeon": pigeon}) as vendor:
            settings = PigeonSettings(base_url=f"{vendor}/pigeon")
            integration = create_pigeon_integration(shop.Announcement, settings, policy=IMPATIENT)
            with opened(App(modules=[shop], integrations=[integration])) as app:
                async with listening({"shop": Front(app.asgi)}) as here, app.working():
                    pigeon.send_webhooks_to(f"{here}/shop/webhooks/pigeon/events")
                    yield Town(app, pigeon, f"{here}/shop")
