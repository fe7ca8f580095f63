"""`millrace migrate`: what a migration would do, as a table, and doing it."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from framework.app import App
from framework.cli.errors import UnknownName
from framework.computations.rule import Rule
from framework.migration.backfill import Reached
from framework.migration.changes import Change, MigrationPlan
from framework.plan.node import RuleNode

DONE, DIFFERENT, TO_DO, REFUSED = 0, 1, 2, 3
"""Exit statuses: nothing is left to do, something differs then, something is to do, it cannot be done."""


def migrate(app: App, *, apply: bool, allow_loss: bool, fill: Iterable[str], acting: Iterable[str]) -> int:
    """Show the plan, and carry it out if told to; returns the exit status."""
    console = Console()
    plan = app.migration(fill=filled(fill), acting=[_rule(app, name) for name in acting])
    if plan.is_empty:
        console.print("There is nothing to migrate.")
        return DONE
    console.print(table(plan))
    if plan.refusals:
        console.print(f"{len(plan.refusals)} of these changes cannot be made as things are.")
        return REFUSED
    if plan.losses and not allow_loss:
        console.print("Facts would be lost. If that is meant: --allow-loss.")
        return REFUSED
    if not apply:
        console.print("Nothing is changed yet. To do so: --apply.")
        return TO_DO
    with console.status("The tables are changed") as status:

        def report(reached: Reached) -> None:
            whose = "" if reached.tenant is None else f"{reached.tenant}, "
            place = f"{whose}{reached.number} of {reached.steps}"
            status.update(f"{place}: {reached.step}, batch {reached.batches}")

        differences = app.migrate(plan, allow_loss=allow_loss, report=report)
    for difference in differences:
        console.print(Text(str(difference)))
    if differences:
        console.print(f"Migrated, and {len(differences)} properties are not what the facts say.")
        return DIFFERENT
    console.print("Migrated. Everything is as the facts say.")
    return DONE


def table(plan: MigrationPlan) -> Table:
    """The changes, each with what it loses or what stands in its way."""
    shown = Table(box=None, pad_edge=False)
    for title in ("What", "Change", ""):
        shown.add_column(title, overflow="fold")
    for change in plan.changes:
        shown.add_row(Text(change.subject), Text(change.what), _remark(change))
    if plan.resumes:
        shown.add_row(Text("all"), Text("an earlier migration goes on where it was"), Text())
    if plan.is_takeover:
        shown.add_row(
            Text("all"), Text("the database is taken over: what it was made for is written down"), Text()
        )
    return shown


def filled(options: Iterable[str]) -> dict[str, str]:
    """The values of `--fill Order.email=unknown`."""
    return {name: value for name, _, value in (option.partition("=") for option in options)}


def _remark(change: Change) -> Text:
    if change.remedy:
        return Text(change.remedy, style="red")
    return Text(f"loses {change.lost}", style="yellow") if change.lost else Text()


def _rule(app: App, name: str) -> Rule[Any, Any]:
    rules = {node.rule.key: node.rule for node in app.plan.nodes if isinstance(node, RuleNode)}
    found = [rule for key, rule in rules.items() if name in (key, rule.name)]
    if len(found) != 1:
        raise UnknownName(kind="rule", name=name, names=", ".join(sorted(rules)) or "none")
    return found[0]
