"""The body of a request, as long as it is not too long."""

from starlette.requests import Request


class TooLarge(Exception):
    """The body is longer than is taken."""


async def bounded_body(request: Request, limit: int) -> bytes:
    """All bytes of the body; raises TooLarge as soon as it is clear that there are more than `limit`."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge()
        chunks.append(chunk)
    return b"".join(chunks)
