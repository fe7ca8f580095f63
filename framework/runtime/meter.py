"""The meter: how often each step ran in this process, and how long. Only where it was asked for."""

import threading
from collections.abc import Iterator, Sequence
from time import perf_counter

from sqlmodel import func, select

from framework.plan.graph import Cost, Measured
from framework.plan.node import Node
from framework.plan.plan import Plan
from framework.runtime.due import Due
from framework.runtime.work import Work
from framework.storage.database import Database


class Meter:
    """Adds up what steps cost; safe to share between threads."""

    def __init__(self) -> None:
        self._costs: dict[Node, Cost] = {}
        self._lock = threading.Lock()

    def add(self, node: Node, seconds: float) -> None:
        with self._lock:
            cost = self._costs.get(node, Cost())
            self._costs[node] = Cost(cost.runs + 1, cost.seconds + seconds)

    def costs(self) -> dict[Node, Cost]:
        """What each step has cost so far; a step that has not run is not there."""
        with self._lock:
            return dict(self._costs)

    def watch(self, work: Work) -> None:
        """Measure the steps of a working set that has none due yet."""
        work.due = _MeteredDue(work.database.plan.nodes, self)
        work.wake = work.due.wake


class _MeteredDue(Due):
    """The steps that are due, each measured from its turn to the next one's."""

    __slots__ = ("_meter",)

    def __init__(self, nodes: Sequence[Node], meter: Meter) -> None:
        super().__init__(nodes)
        self._meter = meter

    def fresh(self) -> Due:
        return _MeteredDue(self._nodes, self._meter)

    def __iter__(self) -> Iterator[Node]:
        for node in super().__iter__():
            begun = perf_counter()
            yield node
            self._meter.add(node, perf_counter() - begun)


def measured(plan: Plan, database: Database, meter: Meter | None) -> Measured:
    """How many records each class has now, and what the steps have cost so far."""
    with database.session() as session:
        records = {
            shape: session.scalar(select(func.count()).select_from(shape.table)) or 0
            for shape in plan.shapes.values()
        }
    return Measured(records, {} if meter is None else meter.costs())
