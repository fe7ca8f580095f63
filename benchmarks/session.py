"""A session: all who take part, and a process for each workload."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks import ours
from benchmarks.baselines import ancestor, handwritten, loop
from benchmarks.contest import Contestant, Unavailable, Workload, compete
from benchmarks.report import Comparison

CONTESTANTS: Sequence[Contestant] = (
    *ours.CONTESTANTS,
    *handwritten.CONTESTANTS,
    *ancestor.CONTESTANTS,
    *loop.CONTESTANTS,
)


def compare_apart(workload: Workload, *, repetitions: int, quick: bool) -> Comparison:
    """Compare all who do a workload, in a process of its own: what others have left in memory is not
    measured.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(compare, workload, repetitions=repetitions, quick=quick).result()


def compare(workload: Workload, *, repetitions: int, quick: bool) -> Comparison:
    """Compare all who do a workload and can take part."""
    present, absent = [], {}
    for contestant in CONTESTANTS:
        if contestant.workload != workload.name:
            continue
        try:
            contestant.prepare()
        except Unavailable as lack:
            absent[contestant.name] = f"not measured: {lack}"
        else:
            present.append(contestant)
    results = compete(present, repetitions=repetitions, quick=quick) if present else []
    return Comparison(workload=workload, results=results, absent=absent)
