"""The stream of an answer: one JSON object after another, with nothing or a line's end between them."""

from base64 import b64decode
from collections.abc import AsyncIterator
from json import JSONDecodeError, JSONDecoder
from typing import Any

from pydantic import ValidationError

from integrations.volctts.models import Chunk

AUDIO, END = 0, 20000000

_decoder = JSONDecoder()


class BrokenStream(ValueError):
    """What came is no stream of chunks, or it broke off before its end."""


async def objects(pieces: AsyncIterator[str]) -> AsyncIterator[Any]:
    """The objects in a text that comes in pieces, wherever it was cut. Raises BrokenStream at a half one."""
    waiting = ""
    async for piece in pieces:
        waiting += piece
        while waiting := waiting.lstrip():
            try:
                found, end = _decoder.raw_decode(waiting)
            except JSONDecodeError:
                break  # the rest of it is still to come
            yield found
            waiting = waiting[end:]
    if waiting:
        raise BrokenStream("the answer ends within an object")


async def chunks(pieces: AsyncIterator[str]) -> AsyncIterator[Chunk]:
    """The chunks of an answer as they come."""
    async for found in objects(pieces):
        try:
            yield Chunk.model_validate(found)
        except ValidationError as error:
            raise BrokenStream("an object of the answer is no chunk") from error


def sound_in(chunk: Chunk) -> bytes:
    """The audio in a chunk; one that brings the text of a sentence has none. Raises BrokenStream."""
    try:
        return b64decode(chunk.data or "", validate=True)
    except ValueError as error:
        raise BrokenStream("a chunk has audio that is no base64") from error
