"""A stand-in for a vendor: messages are written on the board in the shop."""

from docs.tutorial.code.shop import Announcement, Delivered, TextMessage
from framework.integration.calls import CallView
from framework.integration.client import HTTPClient
from framework.integration.integration import Integration
from framework.integration.outcomes import Completed, Failed

board = Integration("board")
written: list[str] = []


@board.call(Announcement)
async def write(told: CallView[TextMessage], http: HTTPClient) -> Completed | Failed:
    if not told.request.to.startswith("+"):
        return Failed("This is no phone number.", code="no_number")
    written.append(told.request.text)
    return Completed(Delivered(parts=1))
