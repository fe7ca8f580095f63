"""Waves: all that follows from a transaction, also from records that go because of their state."""

from collections.abc import Iterable
from uuid import UUID

from framework.plan.node import MachineNode
from framework.plan.shape import Shape
from framework.runtime.doomed import take_doomed
from framework.runtime.propagate import propagate
from framework.runtime.removal import remove
from framework.runtime.sweep import found
from framework.runtime.work import Work


def follow(work: Work, *, complete: bool) -> None:
    """Everything that follows from the changes of a transaction.

    1. Propagate them, each step once.
    2. Tell the database of it, and delete there the records that entered a state which erases them.
    3. That is a wave of its own: go on with 1, from what the database has now, until nothing is to go. That
       ends: each wave leaves less, and what follows from a deletion can make only records that stand higher.
    4. What the waves changed counts as changed by the transaction.
    """
    propagate(work)
    doomed = take_doomed(work)
    if doomed:
        work.finish(complete=complete)
    while doomed:
        wave = work.next_wave()
        _remove(wave, doomed)
        propagate(wave)
        wave.finish(complete=complete)
        wave.connection.settle()  # a wave is there to explain what the database refuses of it
        _absorb(work, wave)
        doomed = take_doomed(wave)


def _remove(wave: Work, doomed: Iterable[tuple[MachineNode, UUID]]) -> None:
    ids: dict[Shape, list[UUID]] = {}
    for node, id in doomed:
        ids.setdefault(node.host, []).append(id)
    remove(wave, [change for shape in ids for change in found(wave, shape, ids[shape])])


def _absorb(work: Work, wave: Work) -> None:
    work.followed += wave.followed
    for shape, changes in wave.rows.items():
        known = work.rows.setdefault(shape, {})
        for id, change in changes.items():
            earlier = known.get(id)
            if earlier is None:
                known[id] = change
            else:
                earlier.go_on(change)
