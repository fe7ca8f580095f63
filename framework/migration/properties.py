"""What changes about properties: which are new, computed otherwise, or gone, and what that costs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from framework.computations.sequence import Sequence as Numbers
from framework.computations.statemachine import StateMachine
from framework.migration.changes import Change
from framework.migration.entries import renewable
from framework.migration.history import replayable
from framework.migration.renames import Renames
from framework.migration.survey import Survey
from framework.migration.tally import rows_whose
from framework.model.columns import EnumText, Structured
from framework.plan.climbing import climbed
from framework.plan.declaration import ClassForm, Declaration, said_of
from framework.plan.hidden import hidden_name
from framework.plan.node import EntryPlan, MachineNode
from framework.plan.plan import Plan
from framework.plan.renames import is_kept
from framework.plan.shape import Kind, Shape

_KEPT = ("StateMachine ", "OnEntry ", "Sequence ")
"""How the forms of properties begin that are history: what happened cannot be computed anew."""


class PropertyChanges:
    """Properties of an App, held against the declaration that a database was made for."""

    def __init__(self, plan: Plan, now: Declaration, before: Declaration | None, renames: Renames) -> None:
        self._now = now
        self._before = before
        self._renames = renames
        self._touched: dict[str, None] = {}
        self.ended: list[str] = []  # state machines that are gone
        self._shapes = {shape.name: shape for shape in plan.shapes.values()}
        self._nodes = plan.nodes
        self._climbing = [node for node in plan.nodes if node.waits and climbed(node)]

    def touch(self, place: str) -> None:
        """A fact has other values now."""
        self._touched[place] = None

    @property
    def roots(self) -> list[str]:
        """What is to be recomputed: what reads other facts now, and what is new or computed otherwise."""
        changed = [
            f"{shape.name}.{name}"
            for shape in self._shapes.values()
            for name in shape.model.__computed__
            if self.is_changed(shape, name)
        ]
        return [*self._touched, *changed, *self._carried(), *(place for place, _ in self._views())]

    def _carried(self) -> Iterator[str]:
        """What is carried for the triggers of machines that are new or wait for other things."""
        for shape in self._shapes.values():
            for node in shape.machines:
                if self.is_changed(shape, node.property):
                    yield from (f"{one.name}.{name}" for one, name in node.reads if name in one.inner)

    def _views(self) -> Iterator[tuple[str, str]]:
        """The memberships of views that are new or have other conditions, and what people call the views."""
        for shape in self._shapes.values():
            form = self._now.classes[shape.name] if self._before is None else self._form(shape)
            for lens in shape.views.values():
                now = self._now.classes[shape.name].views[lens.column]
                if form is None or form.views.get(lens.column) != now:
                    yield f"{shape.name}.{lens.column}", lens.name

    @property
    def added(self) -> list[str]:
        """The properties that were not there."""
        return [
            f"{shape.name}.{name}"
            for shape in self._shapes.values()
            for name in shape.model.__computed__
            if self._then(shape, name) is None
        ]

    def are_changed(self, shape: Shape | None) -> bool:
        """Whether a property of the class is new, or computed otherwise."""
        return shape is not None and any(self.is_changed(shape, name) for name in shape.model.__computed__)

    def is_changed(self, shape: Shape, name: str) -> bool:
        """Whether a property is new, or computed otherwise."""
        return self._then(shape, name) != self._now.classes[shape.name].computed.get(name)

    def of(
        self, shape: Shape, survey: Survey, was: str, kept: Mapping[str, str], dropped: Sequence[str]
    ) -> Iterator[Change]:
        """The changes of a class's properties."""
        for name in shape.model.__computed__:
            place = f"{shape.name}.{name}"
            then = self._then(shape, name)
            if then is None:
                remedy = self._circles(shape, name, survey, was, kept)
                yield Change(place, self._arrival(shape, name), remedy=remedy)
            elif self.is_changed(shape, name):
                misfits = self._misfits(shape, name, survey, was, kept[name]) if name in kept else 0
                remedy = (
                    f"It cannot be what it is in {rows_whose(misfits)}: bring them elsewhere first"
                    if misfits
                    else self._circles(shape, name, survey, was, kept)
                )
                yield Change(place, self._turn(shape, name), remedy=remedy)
        for place, view in self._views():
            if place.startswith(f"{shape.name}."):
                yield Change(view, "is a view of others")
        form = self._form(shape)
        for name, then in form.computed.items() if form else ():
            if name in dropped:
                lost = survey.given(was, name) if then.startswith(_KEPT) else 0
                if then.startswith("StateMachine "):
                    self.ended.append(f"{shape.name}.{name}")
                yield Change(f"{shape.name}.{name}", "the property is gone", lost=lost)

    def resets(self, shape: Shape, kept: Mapping[str, str]) -> dict[str, Any]:
        """Columns of computations that have changed, whose old values may not be readable, or not allowed."""
        columns = shape.table.c
        return {
            name: computation.initial
            for name, computation in shape.model.__computed__.items()
            if name in kept
            and self.is_changed(shape, name)
            and (isinstance(columns[name].type, (Structured, EnumText)) or name in shape.whole)
            and not is_kept(shape, name)
            and shape.kind is not Kind.CALL
            and name not in shape.generated
        } | {name: value for name, value in self._parts(shape) if name in kept}

    def _parts(self, shape: Shape) -> Iterator[tuple[str, Any]]:
        """What changed properties select in each class that is merged, which is of another form perhaps."""
        for hidden in shape.hidden:
            if hidden.name in shape.inner and isinstance(hidden.type, Structured):
                properties = {
                    name
                    for node in self._nodes
                    if (shape, hidden.name) in node.reads
                    for other, name in node.writes
                    if other is shape and name is not None and hidden.name.startswith(f"_{name}_")
                }
                if any(self.is_changed(shape, name) for name in properties):
                    yield hidden.name, hidden.default

    def lost_facts(self, shape: Shape, dropped: Sequence[str]) -> list[str]:
        """The columns that go and held facts, as far as anybody knows."""
        form = self._form(shape)
        if form is None:
            return [name for name in dropped if not name.startswith("_")]
        return [name for name in dropped if name in form.facts]

    def overtaken_facts(self, shape: Shape, kept: Mapping[str, str]) -> list[str]:
        """The facts that are computed now."""
        form = self._form(shape)
        computed = shape.model.__computed__
        return [] if form is None else [name for name in computed if kept.get(name) in form.facts]

    def kind(self, shape: Shape) -> str:
        """What the records of a class were; what they are, where nobody remembers."""
        form = self._form(shape)
        return shape.kind.value if form is None else form.kind

    def types(self, shape: Shape, name: str, old: str) -> tuple[str, str | None]:
        """The type of a fact as it is said now, and as it was."""
        form = self._form(shape)
        said = said_of(shape, name)
        return said, None if form is None else form.facts.get(old)

    def explains(self, hidden: str) -> bool:
        """Whether a hidden column belongs to a property that is recomputed anyway."""
        for place in self.roots:
            model, _, name = place.partition(".")
            if (
                hidden == name
                or hidden == hidden_name(self._shapes[model].table.name, name)
                or hidden.startswith(f"_{name}_")
            ):
                return True
        return False

    def _form(self, shape: Shape) -> ClassForm | None:
        if self._before is None:
            return None
        return self._before.classes.get(self._renames.class_of(shape.name))

    def _then(self, shape: Shape, name: str) -> str | None:
        """The form that a property had; as it is now, where nobody remembers."""
        if self._before is None:
            return self._now.classes[shape.name].computed.get(name)
        form = self._form(shape)
        old = self._renames.columns.get((shape.table.name, name), name)
        return form.computed.get(old) if form else None

    def _turn(self, shape: Shape, name: str) -> str:
        """What becomes of a property that is computed otherwise."""
        entry = self._entry(shape, name)
        if entry is None or renewable(*entry):
            return "is computed otherwise"
        return "is computed otherwise, from the next entry on: it reads more than what made the machine move"

    def _entry(self, shape: Shape, name: str) -> tuple[MachineNode, EntryPlan] | None:
        """The value on entry that goes by the name, with its machine."""
        entries = (
            (node, entry) for node in shape.machines for plans in node.entries.values() for entry in plans
        )
        return next(((node, entry) for node, entry in entries if entry.property == name), None)

    def _arrival(self, shape: Shape, name: str) -> str:
        entry = self._entry(shape, name)
        if entry is not None and not renewable(*entry):
            return "a new property, from the next entry on: it reads more than what made the machine move"
        match shape.model.__computed__[name]:
            case StateMachine() as machine:
                node = next(one for one in shape.machines if one.property == name)
                if replayable(node):
                    return "a new state machine, moved by what has happened"
                begins = f"which begins at {machine.initial}"
                return f"a new state machine, {begins}: what moves it is not all on record"
            case Numbers():
                return "a new sequence, given in the order of ids"
            case _:
                return "a new property"

    def _circles(self, shape: Shape, name: str, survey: Survey, was: str, kept: Mapping[str, str]) -> str:
        """What to do if a property goes along a tree that is none."""
        for node in self._climbing:
            way = climbed(node)
            if way is None or (shape, name) not in node.writes or way.key not in kept:
                continue
            if circular := survey.above_themselves(was, kept[way.key]):
                there = f"and no root is above {rows_whose(circular)}"
                return f"It goes along {way.key}, {there}: break these circles first, as they were made"
        return ""

    def _misfits(self, shape: Shape, name: str, survey: Survey, was: str, old: str) -> int:
        match shape.model.__computed__[name]:
            case StateMachine() as machine:
                return survey.other_than(was, old, [state.value for state in machine.states])
            case Numbers() as numbers:
                return survey.out_of_step(was, old, numbers.start, numbers.step)
            case _ if shape.kind is Kind.CALL:
                return survey.unreadable(was, old, shape.table.c[name].type)
            case _:
                return 0
