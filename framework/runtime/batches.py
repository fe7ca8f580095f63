"""Many things, some at a time, so that what is half done stays small."""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import TypeVar

T = TypeVar("T")
_SOME = 2000


def batches(items: Iterable[T], start: int = 1) -> Iterator[tuple[int, list[T]]]:
    """Some items at a time, with the number of the first of them."""
    rest = iter(items)
    while some := list(islice(rest, _SOME)):
        yield start, some
        start += len(some)


def batches_by_type(items: Iterable[T]) -> Iterator[tuple[type[T], int, list[T]]]:
    """Some items of one type at a time, in their order, with the number of the first of them."""
    start = 1
    for kind, alike in groupby(items, type):
        for number, some in batches(alike, start):
            yield kind, number, some
            start = number + len(some)
