"""The App's webhooks on a socket of this process."""

from dataclasses import dataclass

from starlette.types import ASGIApp

from framework.app import App

FACE = "app"
"""Where the App is mounted on its socket."""


@dataclass(frozen=True)
class Face:
    """The App's web face, as something that can be put on a socket."""

    app: ASGIApp

    async def aclose(self) -> None:
        """Nothing is open: the App belongs to whoever made it."""


def webhook_urls(app: App, base: str) -> dict[str, str]:
    """For each integration that takes webhooks, the address of the first."""
    return {
        desk.integration.name: f"{base}/webhooks/{desk.integration.name}/{webhook.path}"
        for desk in app.desks.values()
        for webhook in desk.handlers.webhooks[:1]
    }
