"""Tracing: a dispatch that is watched at every step, and then taken back."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn
from uuid import UUID

from framework.errors import DispatchError
from framework.model.entity import Event
from framework.plan.node import AdditiveNode, MachineNode, Node
from framework.plan.shape import Kind, Shape
from framework.runtime.change import Change
from framework.runtime.dispatch import event_shape
from framework.runtime.due import Due
from framework.runtime.engine import Engine
from framework.runtime.reasons import why_not, why_not_moved
from framework.runtime.trace import Trace, TracedCall, TracedStep, Written, shown
from framework.runtime.transaction import Transaction
from framework.runtime.work import DELETED, Work
from framework.storage.codec import Row


def explain_dispatch(
    engine: Engine,
    event: Event,
    *,
    actor: str | None = None,
    context: Mapping[str, Any] | None = None,
    served_by: Mapping[Shape, str] = {},  # it is only read
) -> Trace:
    """Everything that would follow from the event if it were dispatched now; nothing is stored."""
    event_shape(engine.plan, event)

    def operation(transaction: Transaction) -> NoReturn:
        log = _Log()
        transaction.work = _TracedWork.beside(transaction.work, log)
        refused = None
        try:
            transaction.dispatch(event, actor=actor, context=context)
            transaction.finish(complete=True)
        except DispatchError as error:
            refused = error
        calls = () if refused else _calls(transaction.work, served_by)
        raise _TakenBack(log.trace(event, calls, refused))

    try:
        engine.write(operation)
    except _TakenBack as taken_back:
        return taken_back.trace


class _TakenBack(Exception):
    """Nothing of the transaction stays but what was seen of it."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace


def _calls(work: Work, served_by: Mapping[Shape, str]) -> tuple[TracedCall, ...]:
    return tuple(
        TracedCall(shape.model, change.id, change.after_row.get("request"), served_by.get(shape))  # type: ignore[arg-type]  # of its kind
        for shape, known in work.rows.items()
        if shape.kind is Kind.CALL
        for change in known.values()
        if change.before_row is None and change.after_row is not None
    )


class _Log:
    """What was seen so far."""

    def __init__(self) -> None:
        self.facts: list[Written] = []
        self.steps: list[TracedStep] = []
        self.deleted: list[list[Written]] = []  # what begins each further wave
        self.news = ""  # the change that is about to wake steps
        self._woken: dict[Node, dict[str, None]] = defaultdict(dict)
        self._wrote: list[Written] | None = None
        self._skipped: list[str] = []

    def trace(self, event: Event, calls: tuple[TracedCall, ...], refused: DispatchError | None) -> Trace:
        deleted = tuple(tuple(wave) for wave in self.deleted)
        return Trace(event, tuple(self.facts), tuple(self.steps), deleted, calls, refused)

    def woke(self, node: Node) -> None:
        if self.news:
            self._woken[node][self.news] = None

    def next_wave(self) -> None:
        """What is written now begins a further wave, or a level of a tree, until a step of it begins."""
        self.deleted.append([])
        self._wrote = None

    @contextmanager
    def telling(self, news: object) -> Iterator[None]:
        """What wakes steps within the block; a change may lead to others of its own."""
        before, self.news = self.news, str(news)
        try:
            yield
        finally:
            self.news = before

    def wrote(self, written: Written) -> None:
        outside = self.deleted[-1] if self.deleted else self.facts
        (outside if self._wrote is None else self._wrote).append(written)

    def skipped(self, why: str) -> None:
        self._skipped.append(why)

    def begins(self) -> None:
        self._wrote, self._skipped = [], []

    def ends(self, node: Node, reasons: Sequence[str]) -> None:
        wrote, self._wrote = self._wrote or [], None
        skipped = tuple(dict.fromkeys((*self._skipped, *reasons)))
        if not wrote and not skipped:  # the records are gone, or what they add comes to nothing
            skipped = ("nothing is another value by that",)
        woken_by, wave = tuple(self._woken.pop(node, {})), len(self.deleted) + 1
        self.steps.append(TracedStep(node.name, node.height, wave, woken_by, tuple(wrote), skipped))


class _TracedDue(Due):
    """The steps that are due, each written down with what woke it."""

    __slots__ = ("_log", "_work")

    def __init__(self, work: Work, log: _Log) -> None:
        super().__init__(work.database.plan.nodes)
        self._work = work
        self._log = log

    def wake(self, node: Node) -> None:
        self._log.woke(node)
        super().wake(node)

    def __iter__(self) -> Iterator[Node]:
        for node in super().__iter__():
            self._log.begins()
            yield node
            self._log.ends(node, why_not(node, self._work))


class _TracedWork(Work):
    """A working set that writes down what is done to it."""

    _log: _Log

    @classmethod
    def beside(cls, work: Work, log: _Log) -> "_TracedWork":
        """One that has seen nothing yet, on the same connection."""
        traced = cls(work.connection, work.database, work.doors, work.now)
        traced._log = log
        traced.due = _TracedDue(traced, log)
        traced.wake = traced.due.wake
        return traced

    def next_wave(self) -> Work:
        self._log.next_wave()
        return self.beside(self, self._log)

    def insert(self, shape: Shape, row: Row) -> Change:
        written = Written(shape.model, row["id"], None, None, row)
        with self._log.telling(written):
            change = super().insert(shape, row)
        self._log.wrote(written)
        return change

    def set(self, change: Change, name: str, value: Any) -> bool:
        shape, row = change.shape, change.after_row
        assert row is not None, "a deleted record takes no values"
        view = next((lens.name for lens in shape.views.values() if lens.column == name), None)
        written = Written(shape.model, change.id, None if view else name, row[name], value, view=view)
        with self._log.telling(written):
            changed = super().set(change, name, value)
        if changed and (view or name in shape.fields):
            self._log.wrote(written)
        elif view:
            self._log.skipped(f"{shape.name} {change.id}: {'still' if value else 'not'} one of {view}")
        elif name in shape.fields:
            self._log.skipped(f"{shape.name} {change.id}: {name} stays {shown(value)}")
        return changed

    def add(self, node: AdditiveNode, id: UUID, amounts: Sequence[int]) -> None:
        written, position = [], 0
        for member in node.members:
            mine = tuple(amounts[position : position + len(member.states)])
            position += len(mine)
            if any(mine):
                written.append(Written(node.route.host.model, id, member.property, added=mine))
        with self._log.telling("; ".join(str(one) for one in written)):
            super().add(node, id, amounts)
        for one in written:
            self._log.wrote(one)

    def gone(self, change: Change) -> None:
        written = Written(change.shape.model, change.id, None, change.after_row, None)
        with self._log.telling(written):
            super().gone(change)
        self._log.wrote(written)

    def moved(
        self,
        node: MachineNode,
        id: UUID,
        trigger: str,
        cause: UUID,
        source: Any,
        target: Any,
        entered: str | None = None,
    ) -> None:
        super().moved(node, id, trigger, cause, source, target, entered)
        if target is None and trigger != DELETED:
            why = why_not_moved(node, trigger, source)
            self._log.skipped(f"{node.host.name} {id}: {node.property} stays {str(source)!r}, for {why}")
