"""Pictures of a plan: what follows from what, and the ways through activities. Both in Mermaid."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count

from framework.computations.activity import Activity, Group, Step
from framework.plan.node import Node, RuleNode
from framework.plan.plan import Plan, wakes
from framework.plan.shape import Kind, Shape


@dataclass(frozen=True)
class Cost:
    """How often a step ran, and how long in all."""

    runs: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        each = self.seconds / self.runs if self.runs else 0.0
        return f"{self.runs:,} x {each * 1e6:,.0f} µs"


@dataclass(frozen=True)
class Measured:
    """How many records there are of each class, and what the steps have cost."""

    records: Mapping[Shape, int]
    costs: Mapping[Node, Cost]

    def of(self, shape: Shape, property: str) -> str:
        """What is said of a property: what the step that writes it has cost, if it was measured."""
        found = [str(cost) for node, cost in self.costs.items() if (shape, property) in node.writes]
        return "".join(f"<br/>{cost}" for cost in found)


def flowchart(plan: Plan, measured: Measured | None = None) -> str:
    """The plan as a Mermaid flowchart: a box for each class with its properties, an arrow for each
    dependency; with what was measured, if it was.
    """
    lines = ["flowchart LR"]
    for shape in plan.shapes.values():
        records = "" if measured is None else f": {measured.records[shape]:,}"
        lines.append(f'    subgraph {_id(shape)}["{_title(shape)}{records}"]')
        lines.append(f"        {_id(shape, None)}(( ))")
        for name in shape.model.__computed__:
            cost = "" if measured is None else measured.of(shape, name)
            lines.append(f'        {_id(shape, name)}["{name}{cost}"]')
        for lens in shape.views.values():
            cost = "" if measured is None else measured.of(shape, lens.column)
            lines.append(f'        {_id(shape, lens.column)}["{lens.name}{cost}"]')
        lines.append("    end")
    lines += sorted({line for node in plan.nodes for line in _arrows(node, measured)})
    return "\n".join(lines)


def ways_through(activity: Activity) -> str:
    """An activity as a Mermaid flowchart, from its opening event to its end; a group is a fork and a join."""
    lines = ["flowchart TD", f'    start(["{activity.name}"])', "    finish([done])"]
    numbers = count(1)

    def draw(step: Step, source: str) -> str:
        """Draw a step after what comes before it; returns what the next one comes after."""
        match step:
            case tuple():
                for one in step:
                    source = draw(one, source)
                return source
            case Group():
                number = next(numbers)
                fork, join = f"fork{number}", f"join{number}"
                lines.extend(
                    [f'    {fork}{{"{step.choice}"}}', f"    {join}(( ))", f"    {source} --> {fork}"]
                )
                for branch in step.branches:
                    lines.append(f"    {draw(branch, fork)} --> {join}")
                return join
            case event:
                lines.append(f"    {source} --> {event.__name__}")
                return event.__name__

    lines.append(f"    {draw((activity.opening, *activity.steps), 'start')} --> finish")
    return "\n".join(lines)


def _arrows(node: Node, measured: Measured | None) -> Iterable[str]:
    label = ""
    if isinstance(node, RuleNode):
        cost = None if measured is None else measured.costs.get(node)
        label = f"|{node.rule.name}|" if cost is None else f'|"{node.rule.name}<br/>{cost}"|'
    for part in node.parts or (node,):
        for source, read in wakes(part):
            start = _id(source, _shown(source, read))
            for target, written in part.writes:
                yield f"    {start} -->{label} {_id(target, _shown(target, written))}"


def _shown(shape: Shape, name: str | None) -> str | None:
    """The property or the view of that name; of what nobody sees, as links carry it, the record."""
    is_seen = name in shape.model.__computed__ or any(lens.column == name for lens in shape.views.values())
    return name if is_seen else None


def _title(shape: Shape) -> str:
    return shape.name if shape.kind is Kind.ENTITY else f"{shape.name} ({shape.kind})"


_NOTHING = object()


def _id(shape: Shape, field: object = _NOTHING) -> str:
    if field is _NOTHING:
        return shape.name
    return f"{shape.name}.{field or 'exists'}"
