"""Which names of the database stand for which names of the App."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from framework.model.fields import table_name
from framework.model.renamed import renamed
from framework.plan.declaration import Declaration, RuleForm
from framework.plan.node import RuleNode
from framework.plan.plan import Plan
from framework.plan.shape import Shape


@dataclass(frozen=True)
class Renames:
    """The former names of classes, tables, columns and rules, as far as the database still has them."""

    classes: Mapping[str, str]
    tables: Mapping[str, str]
    columns: Mapping[tuple[str, str], str]  # by table and column, as they are called now
    rules: Mapping[str, str]

    @classmethod
    def of(cls, plan: Plan, before: Declaration | None, tables: Mapping[str, frozenset[str]]) -> "Renames":
        """`before` is what the database remembers, `tables` are those that it has, with their columns."""
        classes: dict[str, str] = {}
        renamed_tables: dict[str, str] = {}
        columns: dict[tuple[str, str], str] = {}
        for shape in plan.shapes.values():
            said = renamed(shape.model)
            now = shape.table.name
            was = _former_table(said.was, before)
            if said.was is not None and was in tables and now not in tables:
                classes[shape.name], renamed_tables[now] = said.was, was
            there = tables.get(renamed_tables.get(now, now), frozenset())
            for name, former in said.fields.items():
                if former in there and name not in there:
                    columns |= {(now, new): old for new, old in _columns(shape, name, former) if old in there}
        rules = {} if before is None else dict(_rules(plan, before, classes))
        return cls(classes, renamed_tables, columns, rules)

    def class_of(self, name: str) -> str:
        """What the class was called."""
        return self.classes.get(name, name)


def _rules(plan: Plan, before: Declaration, classes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The keys of rules, and what they were: where a rule is from several classes, each is named in a key."""
    nodes = [node for node in plan.nodes if isinstance(node, RuleNode)]
    gone = before.rules.keys() - {node.key for node in nodes}
    for node in nodes:
        if node.key not in before.rules:
            former = _former_rule(node, {key: before.rules[key] for key in sorted(gone)}, classes)
            if former is not None:
                yield node.key, former


def _former_rule(node: RuleNode, gone: Mapping[str, RuleForm], classes: Mapping[str, str]) -> str | None:
    """The rule that it was: the one that it names, or the one of its own name in another module."""
    source = classes.get(node.source.name, node.source.name)
    targets = {classes.get(one.name, one.name) for one in node.targets}
    alike = [key for key, form in gone.items() if form.source == source]
    for name in (node.rule.renamed_from, node.rule.key):
        for key in (f"{name}[{source}]", name):
            if key in alike:
                return key
    name = node.rule.renamed_from or node.rule.name
    called = [key for key in alike if bare(key) == name and not targets.isdisjoint(gone[key].targets)]
    return called[0] if len(called) == 1 else None


def bare(key: str) -> str:
    """The name of a rule without its module, and without the class that it is from."""
    return key.partition("[")[0].rpartition(".")[2]


def former_tables(plan: Plan, before: Declaration | None) -> set[str]:
    """The tables that may hold what classes of another name hold now."""
    return {_former_table(renamed(shape.model).was, before) for shape in plan.shapes.values()}


def _former_table(was: str | None, before: Declaration | None) -> str:
    if was is None:
        return ""
    return before.classes[was].table if before is not None and was in before.classes else table_name(was)


def _columns(shape: Shape, name: str, former: str) -> list[tuple[str, str]]:
    """A column, and the hidden ones that belong to it alone."""
    hidden = [one.name for one in shape.hidden if one.name.startswith(f"_{name}_")]
    return [(name, former), *((one, one.replace(f"_{name}_", f"_{former}_", 1)) for one in hidden)]
