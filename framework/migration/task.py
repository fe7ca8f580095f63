"""The task of a migration: what is to be recomputed once the tables have their new form."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from framework.plan.node import MachineNode, Node, RuleNode, SequenceNode
from framework.plan.plan import Plan
from framework.plan.shape import Shape


@dataclass(frozen=True)
class Task:
    """What has changed, by its name: `Order.total`, `rule shop.charge`, or `Order` for all of a class."""

    roots: tuple[str, ...] = ()
    added: tuple[str, ...] = ()  # those among them that were not there before
    gone: tuple[
        tuple[str, tuple[str, ...]], ...
    ] = ()  # rules that are gone, with the classes of what they kept equal
    acting: tuple[str, ...] = ()  # rules that make calls and events for old records too
    ended: tuple[str, ...] = ()  # state machines that are gone

    @property
    def form(self) -> dict[str, Any]:
        """The task as JSON has it."""
        return asdict(self)

    @classmethod
    def of_form(cls, form: Mapping[str, Any]) -> "Task":
        values = {one.name: tuple(form[one.name]) for one in fields(cls)}
        return cls(**values | {"gone": tuple((key, tuple(targets)) for key, targets in form["gone"])})

    def __or__(self, other: "Task") -> "Task":
        """Both tasks."""
        return Task(
            *(
                tuple(dict.fromkeys((*one, *two)))
                for one, two in (
                    (self.roots, other.roots),
                    (self.added, other.added),
                    (self.gone, other.gone),
                    (self.acting, other.acting),
                    (self.ended, other.ended),
                )
            )
        )

    def nodes(self, plan: Plan) -> list[Node]:
        """The nodes that are to be recomputed: those that changed, and those that read what may change."""
        dirty: set[tuple[Shape, str | None]] = set()
        for shape in plan.shapes.values():
            if shape.name in self.roots:
                dirty |= {(shape, name) for name in (*shape.facts, None)}
            dirty |= {(shape, name) for name in shape.facts if f"{shape.name}.{name}" in self.roots}
            dirty |= {(shape, None) for _, targets in self.gone if shape.name in targets}
        found = []
        changed = self._changed(plan)
        for node in plan.nodes:
            if node in changed or (node.reads & dirty and not _keeps_history(node)):
                found.append(node)
                dirty |= node.writes
        for _ in [node for node in found if isinstance(node, RuleNode) and node.waits]:
            for node in plan.nodes:  # who reads what it makes comes before it, so all of them once more
                if node.reads & dirty and not _keeps_history(node):
                    found.append(node)
                    dirty |= node.writes
        return found

    def _changed(self, plan: Plan) -> set[Node]:
        """The nodes that do something else now, and those of what links carry for them."""
        changed: set[Node] = set()
        inner: set[tuple[Shape, str | None]] = set()
        for node in reversed(plan.nodes):
            is_meant = bool(self.roots_of(node) & set(self.roots)) or self._is_of_changed_class(node)
            if is_meant or node.writes & inner:
                changed.add(node)
                inner |= {(shape, name) for shape, name in node.reads if name in shape.inner}
        return changed

    def _is_of_changed_class(self, node: Node) -> bool:
        return any(shape.name in self.roots for shape, _ in node.reads | node.writes)

    @staticmethod
    def roots_of(node: Node) -> set[str]:
        """The names by which a task means a node."""
        if isinstance(node, RuleNode):
            return {f"rule {node.key}"}
        whole = node.name.partition(" of ")[0]  # of a node that computes a part of a property
        return {whole} | {f"{shape.name}.{name}" for shape, name in node.writes if name is not None}


def _keeps_history(node: Node) -> bool:
    """Whether what happened decides, and not what is."""
    return isinstance(node, (MachineNode, SequenceNode))
