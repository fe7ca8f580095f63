"""Bodies of answers, never larger than agreed, also when they come compressed."""

import zlib
from collections.abc import AsyncIterator

from framework.errors import InDoubt

_AUTODETECT = 32 + zlib.MAX_WBITS
"""Makes zlib take gzip as well as its own format."""


class OversizedAnswer(InDoubt):
    """The answer is larger than {limit} bytes. Raise the policy's `max_body_bytes` if that is normal."""

    def __init__(self, limit: int) -> None:
        super().__init__("", code="oversized_answer", limit=limit)


class UnreadableEncoding(InDoubt):
    """The answer is not the {encoding} that it is said to be."""

    def __init__(self, encoding: str) -> None:
        super().__init__("", code="unreadable_encoding", encoding=encoding)


async def bounded(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """The chunks, as long as they do not exceed `limit` bytes in all."""
    left = limit
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise OversizedAnswer(limit)
        yield chunk


async def inflated(chunks: AsyncIterator[bytes], encoding: str, limit: int) -> AsyncIterator[bytes]:
    """What gzip or deflate chunks hold. A body that would swell beyond `limit` is not held in memory."""
    inflate = zlib.decompressobj(_AUTODETECT)
    left = limit
    empty = True
    try:
        async for chunk in chunks:
            empty = empty and not chunk
            piece = inflate.decompress(chunk, left + 1)
            left -= len(piece)
            if left < 0 or inflate.unconsumed_tail:
                raise OversizedAnswer(limit)
            if piece:
                yield piece
    except zlib.error as error:
        raise UnreadableEncoding(encoding) from error
    if not empty and (not inflate.eof or inflate.unused_data):
        raise UnreadableEncoding(encoding)
