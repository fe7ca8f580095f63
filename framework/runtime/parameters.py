"""Parameters: the rows of Globals that other records are computed from.

Whoever computes from a parameter shares it, so that it stays what it is until the transaction ends; whoever
changes one has it alone, before anything is computed anew. What is shared is a name of the Global, not its
row: totals on the same row are added to meanwhile.
"""

from typing import TYPE_CHECKING, Any, TypeVar
from weakref import proxy

from framework.errors import InvariantBroken
from framework.model.computation import Computation
from framework.model.entity import GLOBAL_ID
from framework.plan.given import Given
from framework.plan.shape import Shape
from framework.plan.view import view_of
from framework.runtime.change import Change
from framework.storage.codec import Row

if TYPE_CHECKING:
    from framework.runtime.records import Records

C = TypeVar("C", bound=Computation[Any])


class Parameters:
    """What the callbacks of one transaction are given, now and as it was before."""

    def __init__(self, work: "Records") -> None:
        self._work: Records = proxy(work)  # so that it goes when its transaction ends
        self._rows: dict[Shape, Row] = {}
        self._shared: set[Shape] = set()
        self._alone: set[Shape] = set()

    def concern(self, shape: Shape) -> None:
        """Records of the class are touched: share, or have alone, what is computed with in their wake.

        Before their rows are locked, so that nobody waits for a parameter with a row that its holder wants.
        """
        if self._work.concurrent:
            for one, moves in shape.parameters:
                self.have_alone(one) if moves else self._share(one)

    def have_alone(self, shape: Shape) -> None:
        """Keep others from computing with the parameters until the transaction ends."""
        if shape not in self._alone and self._work.concurrent:
            self._alone.add(shape)
            self._work.hold("parameters", shape.table.name)

    def now(self, given: Given) -> Any:
        """The row of the Global as it is now, as a callback sees it."""
        change = self._change(given)
        return view_of(given.shape.view, self._row(given.shape)) if change is None else change.after

    def before(self, given: Given) -> Any:
        """The row of the Global as the transaction found it."""
        change = self._change(given)
        return self.now(given) if change is None or change.before_row is None else change.before

    def changed(self, given: Given) -> bool:
        """Whether what is read of the Global changed, so that everybody is concerned."""
        change = self._change(given)
        if change is None or change.before_row is None or not change.differs(given.fields):
            return False
        self.have_alone(given.shape)
        return True

    def _change(self, given: Given) -> Change | None:
        self._share(given.shape)
        if given.is_derived:
            self._work.changes(given.shape)  # what waits to be added is added now
        return self._work.rows.get(given.shape, {}).get(GLOBAL_ID)

    def _row(self, shape: Shape) -> Row:
        if shape not in self._rows:
            statements = self._work.statements[shape]
            sql, parameters = statements.selection(("id",))
            found = self._work.connection.row(sql, parameters.of({"id": GLOBAL_ID}))
            if found is None:
                raise InvariantBroken(problem=f"the one row of {shape.name} is not there: use `app.create()`")
            self._rows[shape] = statements.codec.decode(found)
        return self._rows[shape]

    def _share(self, shape: Shape) -> None:
        if self._work.concurrent and shape not in self._shared and shape not in self._alone:
            self._shared.add(shape)
            self._work.share("parameters", shape.table.name)


def given_to(work: "Records", given: Given | None) -> tuple[Any, ...]:
    """What a callback takes after its record."""
    return () if given is None else (work.parameters.now(given),)


def has_changed(work: "Records", given: Given | None) -> bool:
    """Whether what is read of a Global changed, so that everybody is concerned."""
    return given is not None and work.parameters.changed(given)


def bound_to(work: "Records", computation: C, given: Given | None) -> C:
    """The computation as it is now: its callbacks take records alone."""
    return computation if given is None else computation.with_parameters(work.parameters.now(given))
