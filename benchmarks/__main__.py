"""Measure side by side, print, and keep the result in `benchmarks/results.md`."""

from argparse import ArgumentParser
from pathlib import Path

from rich.console import Console

from benchmarks.contest import Workload
from benchmarks.machine import describe
from benchmarks.report import markdown, show
from benchmarks.session import compare_apart
from benchmarks.start import measured
from benchmarks.workloads import WORKLOADS

REPETITIONS, QUICK_REPETITIONS = 7, 3
RESULTS = Path(__file__).with_name("results.md")


def main() -> None:
    """Run the chosen workloads; a quick session is too short to be kept."""
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, 3 repetitions, nothing is kept")
    parser.add_argument("--only", default="", metavar="W1,W2", help="these workloads and their variants")
    parser.add_argument("--repetitions", type=int, default=0, help=f"instead of {REPETITIONS}")
    chosen = parser.parse_args()

    console = Console()
    repetitions = chosen.repetitions or (QUICK_REPETITIONS if chosen.quick else REPETITIONS)
    comparisons = []
    for workload in _chosen(chosen.only):
        comparison = compare_apart(workload, repetitions=repetitions, quick=chosen.quick)
        if comparison.results:
            show(console, comparison)
            comparisons.append(comparison)
    start = measured()
    console.print("Start, in processor time:", ", ".join(f"{name} {value}" for name, value in start.items()))
    if not chosen.quick and not chosen.only:
        facts = describe() | start
        RESULTS.write_text(markdown(facts, comparisons, repetitions=repetitions, quick=chosen.quick))
        console.print(f"Kept in {RESULTS.name}.")


def _chosen(only: str) -> list[Workload]:
    names = {name.strip() for name in only.split(",") if name.strip()}
    families = {workload.name.partition("-")[0] for workload in WORKLOADS}
    if unknown := names - families - {workload.name for workload in WORKLOADS}:
        raise SystemExit(
            f"No such workload: {', '.join(sorted(unknown))}. There are {', '.join(sorted(families))}."
        )
    return [w for w in WORKLOADS if not names or w.name in names or w.name.partition("-")[0] in names]


if __name__ == "__main__":
    main()
