"""Backfill: what is derived is recomputed, lowest first, a batch of records in each transaction.

With tenants, all of it for one before the next, each in its own context. The place where it stands is written
in the transaction of each batch, so that it goes on from there whoever is killed when.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias
from uuid import UUID

from framework.errors import MillraceError, StorageError
from framework.migration.entries import renew
from framework.migration.errors import MigrationStopped
from framework.migration.history import replay, replayable
from framework.migration.made import bring
from framework.migration.numbers import give
from framework.migration.progress import Progress, end, note
from framework.migration.quiet import QuietEngine, QuietWork
from framework.plan.climbing import climbed
from framework.plan.node import MachineNode, Node, RuleNode, SequenceNode
from framework.plan.shape import Kind
from framework.runtime.reach import FIRST, LAST, WHOLE, Reach, Slice, last_of_batch, reach_of
from framework.runtime.recomputation import Recomputation
from framework.runtime.steps.table import expected
from framework.runtime.transaction import Transaction

STRAYS = "strays"


@dataclass(frozen=True)
class Reached:
    """How far a backfill has come: which step of how many, how many of its batches, and for which tenant."""

    step: str
    number: int
    steps: int
    batches: int
    tenant: str | None = None


Report: TypeAlias = Callable[[Reached], None]


def backfill(engine: QuietEngine, progress: Progress, report: Report) -> None:
    """Carry out what is left of a task for the tenant that is entered, and strike it off.

    What climbs a tree is right at one more level each time: it is repeated until nothing is another value.
    """
    nodes = progress.task.nodes(engine.plan)
    names = [node.name for node in nodes]
    goes_on = progress.step in names
    begun = names.index(str(progress.step)) if goes_on else 0
    after = progress.after if goes_on else FIRST.hex
    steps = [*enumerate(nodes, 1)]
    left = steps[begun:]
    again = [one for one in steps if not isinstance(one[1], (MachineNode, SequenceNode))]
    while left:
        has_written, goes_on = goes_on, False  # what was written before it stopped is not known
        for number, node in left:
            batches = 0
            while after is not None:
                batch = partial(_batch, node=node, progress=progress, after=after)
                with _stopping(node):
                    after, wrote = engine.write(batch)
                has_written |= wrote
                batches += 1
                report(Reached(node.name, number, len(nodes), batches, progress.tenant))
            after = FIRST.hex
        left = again if has_written and any(node.waits and climbed(node) for node in nodes) else []
    engine.write(lambda transaction: end(transaction.work, progress))


@contextmanager
def _stopping(node: Node) -> Iterator[None]:
    """Say where a migration has stopped, and that it can go on."""
    try:
        yield
    except StorageError:  # that is nothing about what is declared
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, MillraceError) else f"{type(error).__name__}: {error}"
        raise MigrationStopped(step=node.name, reason=reason.rstrip(".")) from error


def _batch(transaction: Transaction, node: Node, progress: Progress, after: str) -> tuple[str | None, bool]:
    """One batch of a node, from the record at `after` on; where the next one begins, or None, and whether a
    property is another one now.
    """
    work = transaction.work
    assert isinstance(work, QuietWork), "the backfill is quiet"
    part, following = _part(node, work, after)
    facts, has_written = Recomputation(work, transaction.plan), False
    match node:
        case RuleNode():
            bring(node, work, facts, part, progress.task)
        case MachineNode():
            if node.name in progress.task.added and replayable(node):
                replay(node, work, facts, part)
            else:
                renew(node, work, facts, part, progress.task.roots)
        case SequenceNode():
            give(node, work, facts, part)
        case _:
            has_written = _recompute(node, work, facts, part)
    note(work, progress, node.name, following)
    return following, has_written


def _recompute(node: Node, work: QuietWork, facts: Recomputation, part: Slice) -> bool:
    has_written = False
    for row, difference in facts.of(node, part, expected):
        shape = facts.plan.shape(difference.model)
        if difference.property not in shape.generated:
            has_written |= work.set(work.hold_row(shape, row), difference.property, difference.expected)
    return has_written


def _part(node: Node, work: QuietWork, after: str) -> tuple[Slice, str | None]:
    """The part of a node that begins at a place, and the place where the next one begins."""
    reach = _reach(node)
    if after == STRAYS:
        assert reach is not None, "only who reaches something can miss it"
        return reach.strays_slice(), None
    if reach is None or reach.host.kind is Kind.GLOBAL:
        return WHOLE, None
    first = UUID(hex=after)
    last = last_of_batch(work, reach.host, first)
    following = UUID(int=last.int + 1).hex if last != LAST else STRAYS if reach.strays else None
    return reach.slice(first, last), following


def _reach(node: Node) -> Reach | None:
    match node:
        case SequenceNode(host=host):
            return Reach(host)
        case _:
            return reach_of(node)
