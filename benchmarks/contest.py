"""The vocabulary of a comparison: a workload, who takes part, and what came of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

OpsPerSecond = float


class Unavailable(Exception):
    """This machine lacks what a contestant needs."""


def _nothing() -> None:
    """Most contestants are ready as they are."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One piece of work that every contestant does, and how `subject` must compare with its rivals.

    `targets` maps a rival's name to the least ratio of the subject's speed to the rival's.
    """

    name: str
    title: str
    settings: str
    subject: str
    targets: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Somebody who does a workload.

    `run(size)` does it `size` times, checks the result, and returns its speed. `prepare` is called once
    before, outside any clock; it raises Unavailable where the contestant cannot take part.

    A subject has the size of its hand-written rival, for commits grow dearer with the tables. Slower rivals
    may do less, which is to their favour.
    """

    workload: str
    name: str
    run: Callable[[int], OpsPerSecond]
    size: int
    quick_size: int
    prepare: Callable[[], None] = _nothing


@dataclass(frozen=True, kw_only=True)
class Result:
    """The speeds of one contestant in the repetitions of one session, in operations per second."""

    contestant: Contestant
    speeds: Sequence[OpsPerSecond]

    @property
    def median(self) -> OpsPerSecond:
        return median(self.speeds)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How the subject compares with a rival: the median over the repetitions of one session."""

    rival: str
    target: float
    value: float

    @property
    def met(self) -> bool:
        return self.value >= self.target


def compete(contestants: Sequence[Contestant], *, repetitions: int, quick: bool) -> list[Result]:
    """Run the contestants in turn, repetition by repetition, so that a slow minute slows them all.

    Who begins moves on with every repetition.
    """
    speeds: dict[str, list[OpsPerSecond]] = {contestant.name: [] for contestant in contestants}
    for repetition in range(repetitions):
        begin = repetition % len(contestants)
        for contestant in (*contestants[begin:], *contestants[:begin]):
            speeds[contestant.name].append(
                contestant.run(contestant.quick_size if quick else contestant.size)
            )
    return [Result(contestant=contestant, speeds=speeds[contestant.name]) for contestant in contestants]


def ratios(workload: Workload, results: Sequence[Result]) -> list[Ratio]:
    """Compare the subject with each rival that took part, repetition by repetition."""
    speeds = {result.contestant.name: result.speeds for result in results}
    if workload.subject not in speeds:
        return []
    return [
        Ratio(rival=rival, target=target, value=median(_pairwise(speeds[workload.subject], speeds[rival])))
        for rival, target in workload.targets.items()
        if rival in speeds
    ]


def _pairwise(ours: Sequence[OpsPerSecond], theirs: Sequence[OpsPerSecond]) -> list[float]:
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]
