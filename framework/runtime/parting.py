"""In which order records that go together part: who refers before who is referred to."""

from collections.abc import Iterator, Sequence
from itertools import islice

from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.runtime.work import Work
from framework.storage.codec import Row
from framework.storage.statements import SOME


def in_turn(work: Work, going: list[Change]) -> Iterator[list[Change]]:
    """Records that go together, by batches of one class that one statement can delete.

    The database looks at keys when a statement has ended, so that who refers and who is referred to may be in
    one; but not by a key that says RESTRICT. Those in circles let go of each other first.
    """
    if len(going) == 1:
        yield going
        return
    held: list[Change] = []
    nobodys: dict[Shape, list[Change]] = {}
    for change in going:
        if change.shape.referrers:
            held.append(change)
        else:  # nothing can refer to it
            nobodys.setdefault(change.shape, []).append(change)
    for those in nobodys.values():
        yield from (those[start : start + SOME] for start in range(0, len(those), SOME))
    if held:
        parting = _Parting(work, held)
        while parting.left:
            yield parting.next_batch()


class _Parting:
    """Those who have not gone yet, and how many of them refer to each."""

    def __init__(self, work: Work, going: Sequence[Change]) -> None:
        self._work = work
        self.left = dict.fromkeys(going)
        self._holders = dict.fromkeys(going, 0)
        for change in going:
            for _, other in self._references(change):
                self._holders[other] += 1
        self._free: dict[Shape, list[Change]] = {}
        self._set_free([change for change, holders in self._holders.items() if not holders])

    def next_batch(self) -> list[Change]:
        if not self._free:
            self._break_circles()
        shape, free = self._free.popitem()
        batch: list[Change] = []
        later: list[Change] = []
        strictly_held: set[Change] = set()  # until those of this batch have gone
        while free and len(batch) < SOME:
            change = free.pop()
            batch.append(change)
            del self.left[change]
            for key, other in self._references(change):
                if other.shape is not shape or _ondelete(shape, key) == "RESTRICT":
                    strictly_held.add(other)
                self._holders[other] -= 1
                if not self._holders[other]:
                    (later if other in strictly_held else free).append(other)
        self._set_free(free + later)
        return batch

    def _references(self, change: Change) -> Iterator[tuple[str, Change]]:
        """Who of those left is referred to, by which keys."""
        row = _row_of(change)
        for key, target in change.shape.references.items():
            other = self._work.rows.get(target, {}).get(row[key])
            if other is not None and other is not change and other in self.left:
                yield key, other

    def _set_free(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._free.setdefault(change.shape, []).append(change)

    def _break_circles(self) -> None:
        """All that are left are in circles, or referred to from there: they let go of each other, by keys
        that may be empty. Where there is none, some of a class go first, and the database cascades.
        """
        told: dict[tuple[Shape, tuple[str, ...]], list[Change]] = {}
        for change in self.left:
            columns = change.shape.table.c
            held = [(key, other) for key, other in self._references(change) if columns[key].nullable]
            for key, other in held:
                _row_of(change)[key] = None
                self._holders[other] -= 1
            if held and change.stored:
                told.setdefault((change.shape, tuple(key for key, _ in held)), []).append(change)
        for (shape, keys), changes in told.items():
            sql, parameters = self._work.statements[shape].update(keys)
            self._work.connection.tell_many(sql, [parameters.of(_row_of(change)) for change in changes])
        free = [change for change in self.left if not self._holders[change]]
        if not free:
            shape = next(iter(self.left)).shape
            free = list(islice((change for change in self.left if change.shape is shape), SOME))
            self._holders |= dict.fromkeys(free, 0)
        self._set_free(free)


def _row_of(change: Change) -> Row:
    assert change.after_row is not None, "it is there until it goes"
    return change.after_row


def _ondelete(shape: Shape, key: str) -> str | None:
    return next(iter(shape.table.c[key].foreign_keys)).ondelete
