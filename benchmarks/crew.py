"""Work that is done by several at a time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

AT_A_TIME = 16


def seconds(work: Callable[[int], None]) -> float:
    """How long it takes until each of the crew, a thread, has done `work`; it is told its number, from 0."""
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        begun = perf_counter()
        for done in [threads.submit(work, number) for number in range(AT_A_TIME)]:
            done.result()
        return perf_counter() - begun
