"""A comparison is only worth what its arithmetic and its checks are worth."""

import pytest

from benchmarks.baselines import handwritten
from benchmarks.contest import Contestant, OpsPerSecond, Result, Workload, compete, ratios
from benchmarks.report import Comparison, markdown

WORKLOAD = Workload(
    name="W", title="work", settings="settings", subject="ours", targets={"by hand": 0.5, "elsewhere": 3}
)


def contestant(name: str, *speeds: OpsPerSecond, log: list[tuple[str, int]] | None = None) -> Contestant:
    answers = iter(speeds)

    def run(size: int) -> OpsPerSecond:
        if log is not None:
            log.append((name, size))
        return next(answers)

    return Contestant(workload="W", name=name, run=run, size=100, quick_size=10)


def test_contestants_take_turns_at_going_first() -> None:
    log: list[tuple[str, int]] = []
    compete([contestant("a", 1, 1, log=log), contestant("b", 1, 1, log=log)], repetitions=2, quick=False)
    assert log == [("a", 100), ("b", 100), ("b", 100), ("a", 100)]


def test_a_quick_session_uses_the_quick_sizes() -> None:
    log: list[tuple[str, int]] = []
    compete([contestant("a", 1, log=log)], repetitions=1, quick=True)
    assert log == [("a", 10)]


def test_a_ratio_is_taken_within_each_repetition() -> None:
    results = compete(
        [contestant("ours", 60, 30, 10), contestant("by hand", 100, 50, 100)], repetitions=3, quick=True
    )
    (ratio,) = ratios(WORKLOAD, results)
    assert (ratio.rival, ratio.value, ratio.met) == ("by hand", 0.6, True)


def test_a_missed_target_is_shown_as_missed() -> None:
    results = compete([contestant("ours", 20), contestant("elsewhere", 10)], repetitions=1, quick=True)
    page = markdown(
        {"cores": "2"}, [Comparison(workload=WORKLOAD, results=results, absent={})], repetitions=1, quick=True
    )
    assert "| elsewhere | 10 | 10 | 10 | 2.00 times (missed) | at least 3 |" in page


def test_without_the_subject_there_is_no_ratio() -> None:
    alone = Result(contestant=contestant("by hand"), speeds=[1.0])
    assert ratios(WORKLOAD, [alone]) == []


@pytest.mark.parametrize("baseline", handwritten.CONTESTANTS, ids=lambda baseline: baseline.workload)
def test_the_hand_written_rows_add_up(baseline: Contestant) -> None:
    """Each run compares what it kept with what it recomputes, and raises where they differ."""
    assert baseline.run(48) > 0
