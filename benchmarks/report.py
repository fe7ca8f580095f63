"""What a session found, as a table in the terminal and as a page of Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.contest import Result, Workload, ratios


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One workload, the results of those who took part, and why others did not."""

    workload: Workload
    results: Sequence[Result]
    absent: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a comparison, as it is shown."""

    contestant: str
    median: str
    lowest: str
    highest: str
    ratio: str
    target: str


HEADINGS = ("contestant", "median", "lowest", "highest", "subject is", "target")


def show(console: Console, comparison: Comparison) -> None:
    """Print one comparison."""
    workload = comparison.workload
    table = Table(title=f"{workload.name}: {workload.title}", caption=workload.settings, title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "contestant" else "right")
    for row in rows(comparison):
        table.add_row(row.contestant, row.median, row.lowest, row.highest, row.ratio, row.target)
    console.print(table)


def markdown(
    machine: Mapping[str, str], comparisons: Sequence[Comparison], *, repetitions: int, quick: bool
) -> str:
    """The page that is kept: one table a workload, and the machine that it was measured on."""
    facts = ", ".join(f"{name} {value}" for name, value in machine.items())
    lines = [
        "# What it costs",
        "",
        f"One session of `python -m benchmarks{' --quick' if quick else ''}`: {facts}.",
        "",
        f"Operations a second in {repetitions} interleaved repetitions. A ratio is the median, over the",
        "repetitions, of the subject's speed divided by the contestant's.",
    ]
    for comparison in comparisons:
        workload = comparison.workload
        lines += ["", f"## {workload.name}: {workload.title}", "", f"{workload.settings}.", ""]
        lines += [f"| {' | '.join(HEADINGS)} |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
        lines += [
            f"| {row.contestant} | {row.median} | {row.lowest} | {row.highest} | {row.ratio} | {row.target} |"
            for row in rows(comparison)
        ]
    return "\n".join(lines) + "\n"


def rows(comparison: Comparison) -> list[Row]:
    """The subject first, then its rivals, then those who could not take part."""
    workload = comparison.workload
    found = {ratio.rival: ratio for ratio in ratios(workload, comparison.results)}
    shown = []
    for result in sorted(comparison.results, key=lambda result: result.contestant.name != workload.subject):
        name = result.contestant.name
        ratio, target = found.get(name), workload.targets.get(name)
        shown.append(
            Row(
                contestant=name,
                median=f"{result.median:,.0f}",
                lowest=f"{min(result.speeds):,.0f}",
                highest=f"{max(result.speeds):,.0f}",
                ratio=f"{ratio.value:.2f} times{'' if ratio.met else ' (missed)'}" if ratio else "",
                target=f"at least {target:g}" if target is not None else "",
            )
        )
    blank = {"lowest": "", "highest": "", "ratio": "", "target": ""}
    shown += [Row(contestant=name, median=why, **blank) for name, why in comparison.absent.items()]
    return shown
