"""Waves: all that follows from a transaction, also from records that go because of their state."""

from collections.abc import Iterable
from uuid import UUID

from framework.plan.node import MachineNode
from framework.runtime.doomed import take_doomed
from framework.runtime.errors import TooManyWaves
from framework.runtime.propagate import propagate
from framework.runtime.removal import remove
from framework.runtime.work import Work
from framework.storage.statements import Lock

MOST_WAVES = 1000


def follow(work: Work, *, complete: bool) -> None:
    """Everything that follows from the changes of a transaction.

    1. Propagate them, each step once.
    2. Tell the database of it, and delete there the records that entered a state which erases them.
    3. That is a wave of its own: go on with 1, from what the database has now, until nothing is to go.
    4. What the waves changed counts as changed by the transaction.
    """
    propagate(work)
    doomed = take_doomed(work)
    if doomed:
        work.finish(complete=complete)
    waves = 0
    while doomed:
        if waves == MOST_WAVES:
            names = ", ".join(dict.fromkeys(node.name for node, _ in doomed))
            raise TooManyWaves(waves=waves, machines=names)
        waves += 1
        wave = work.next_wave()
        _remove(wave, doomed)
        propagate(wave)
        wave.finish(complete=complete)
        wave.connection.settle()  # a wave is there to explain what the database refuses of it
        _absorb(work, wave)
        doomed = take_doomed(wave)


def _remove(wave: Work, doomed: Iterable[tuple[MachineNode, UUID]]) -> None:
    found = [wave.find(node.host, id, Lock.REFERENCE) for node, id in doomed]
    wave.doomed = frozenset(change for change in found if change is not None)
    for change in found:
        if change is not None:
            remove(wave, change)


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
