"""What the demo has to say at its beginning and at its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from framework.app import App
from framework.cli.census import Census
from framework.cli.entrance import Entered, Unmet
from framework.cli.neighbours import Neighbour
from framework.runtime.verify import Difference

SECRET = ("KEY", "SECRET", "TOKEN", "PASSWORD")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a run."""

    census: Census
    entered: Entered
    unmet: Sequence[Unmet]
    differences: Sequence[Difference]
    delays: Sequence[str]
    struck: Mapping[str, int]
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether every line was a sample, every sample led to what it must, and all is as the facts say."""
        return not (self.entered.malformed or self.unmet or self.differences or self.delays)


def show_partners(console: Console, app: App, beside: Sequence[Neighbour]) -> None:
    """Say which integration talks to whom, and what was set for it."""
    sandboxes = {neighbour.name: neighbour for neighbour in beside}
    for integration in app.integrations:
        neighbour = sandboxes.get(integration.name)
        if neighbour is None:
            partner = f"{integration.base_url}, with the credentials that are there"
        else:
            shown = (
                f"{name}={value}" for name, value in neighbour.environment.items() if not _is_secret(name)
            )
            partner = f"its sandbox, having no credentials: {' '.join(shown)}"
        console.print(f"{integration.name:<10}talks to {partner}", soft_wrap=True, highlight=False)


def show(console: Console, result: Result) -> None:
    """Say what is where, what it took, and what is not as it should be."""
    console.print(_states(result.census.states))
    console.print(_effort(result))
    for heading, lines in (
        ("Lines that are no samples", result.entered.malformed),
        ("Not as expected", result.unmet),
        ("Not as the facts say", result.differences),
        ("Still open; run again to go on", result.delays),
    ):
        if lines:
            console.print(f"[red]{heading}:[/]")
            for line in lines:
                console.print(f"  {line}", markup=False, soft_wrap=True)
    if result.as_expected:
        console.print("[green]Every sample came to what it expects, and verify() finds no difference.[/]")


def _states(states: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table("record", "state", title="What is true now")
    table.add_column("count", justify="right")
    for machine, counts in states.items():
        for position, (state, count) in enumerate(counts.items()):
            last = position == len(counts) - 1
            table.add_row("" if position else machine, state, str(count), end_section=last)
    return table


def _effort(result: Result) -> Table:
    census, table = result.census, Table(show_header=False, title="What it took")
    table.add_column("what")
    table.add_column("how much", justify="right")
    table.add_row("samples", str(len(result.entered.dispatched)))
    table.add_row("  of an earlier run", str(result.entered.replayed))
    table.add_row("calls", str(sum(census.calls.values())), end_section=False)
    table.add_row("attempts", str(census.attempts))
    table.add_row("duplicates suppressed", str(census.duplicates))
    table.add_row("events that came too late to move anything", str(census.events_without_effect))
    table.add_row("faults injected", str(sum(result.struck.values())))
    for fault, n in sorted(result.struck.items()):
        table.add_row(f"  {fault}", str(n))
    table.add_row("differences found by verify()", str(len(result.differences)))
    table.add_row("seconds", f"{result.seconds:.1f}")
    return table


def _is_secret(name: str) -> bool:
    return any(part in name for part in SECRET)
