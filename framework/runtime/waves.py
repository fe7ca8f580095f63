"""Waves: all that follows from a transaction, also from records that come or go because of a state."""

from collections.abc import Iterable
from uuid import UUID

from framework.plan.node import MachineNode
from framework.plan.shape import Shape
from framework.runtime.doomed import take_doomed
from framework.runtime.propagate import propagate
from framework.runtime.put_off import refuse_endless, take_put_off
from framework.runtime.removal import remove
from framework.runtime.steps.rule import apply
from framework.runtime.sweep import found
from framework.runtime.work import Work


def follow(work: Work, *, complete: bool) -> None:
    """Everything that follows from the changes of a transaction.

    1. Propagate them, each step once.
    2. Tell the database of it, and make there what rules make of states that it moves on.
    3. If there is nothing of that kind, delete the records that entered a state which erases them.
    4. Either is a wave of its own: go on with 1, from what the database has now, until nothing is to be done.
       Deletions end, because each wave leaves less, and what follows from it makes only records that stand
       higher; what rules make is counted.
    5. What the waves changed counts as changed by the transaction.
    """
    propagate(work)
    last, doomed, waiting, number = work, take_doomed(work), take_put_off(work), 0
    if doomed or waiting:
        work.finish(complete=complete)
    while doomed or waiting:
        wave = work.next_wave()
        if waiting:
            number += 1
            refuse_endless(number, waiting)
            for rule in waiting:
                apply(rule, last, wave)
        else:
            _remove(wave, doomed)
            doomed = []
        propagate(wave)
        wave.finish(complete=complete)
        wave.connection.settle()  # a wave is there to explain what the database refuses of it
        doomed, waiting, last = [*doomed, *take_doomed(wave)], take_put_off(wave), wave
        work.absorb(wave)


def _remove(wave: Work, doomed: Iterable[tuple[MachineNode, UUID]]) -> None:
    ids: dict[Shape, list[UUID]] = {}
    for node, id in doomed:
        ids.setdefault(node.host, []).append(id)
    remove(wave, [change for shape in ids for change in found(wave, shape, ids[shape])])
