"""The declaration: what an App declares, in a form that a database remembers and that can be compared."""

import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from framework.model.columns import admits_none, without_none
from framework.model.decimals import FixedPoint
from framework.plan.fingerprint import fingerprint
from framework.plan.node import RuleNode
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.plan.ways import ways_of

DECIMAL = "Decimal"


@dataclass(frozen=True)
class ClassForm:
    """One record class: its table, the types of its facts, and what its properties are computed by."""

    table: str
    kind: str
    facts: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[str, str] = field(default_factory=dict)  # property -> computation and fingerprint
    views: Mapping[str, str] = field(
        default_factory=dict
    )  # membership column -> fingerprint of the condition


@dataclass(frozen=True)
class RuleForm:
    """One rule: from which class it makes which, and its fingerprint."""

    source: str
    targets: tuple[str, ...]
    fingerprint: str
    once: bool  # what it made is never changed


@dataclass(frozen=True)
class Declaration:
    """All classes and rules of an App, by their names."""

    classes: Mapping[str, ClassForm]
    rules: Mapping[str, RuleForm]

    @cached_property
    def rows(self) -> dict[str, str]:
        """As a database keeps it: a name and a text for each class and rule."""
        classes = {f"class {name}": _text(asdict(form)) for name, form in self.classes.items()}
        return classes | {f"rule {key}": _text(asdict(form)) for key, form in self.rules.items()}

    @classmethod
    def of_rows(cls, rows: Mapping[str, str]) -> "Declaration":
        """The declaration that a database remembers."""
        forms = {name: json.loads(text) for name, text in rows.items()}
        classes = {name[6:]: ClassForm(**form) for name, form in forms.items() if name.startswith("class ")}
        rules = {
            name[5:]: RuleForm(**(form | {"targets": tuple(form["targets"])}))
            for name, form in forms.items()
            if name.startswith("rule ")
        }
        return cls(classes, rules)

    def added(self, other: "Declaration") -> set[str]:
        """The classes that the other declaration has not."""
        return set(self.classes.keys() - other.classes.keys())

    def without(self, classes: Set[str]) -> "Declaration":
        """This declaration without these classes, and the rules from one of them."""
        return Declaration(
            {name: form for name, form in self.classes.items() if name not in classes},
            {key: form for key, form in self.rules.items() if form.source not in classes},
        )

    def differences(self, other: "Declaration") -> list[str]:
        """How this declaration differs from another one, which a database was made for."""
        return [*_classes(self.classes, other.classes), *_rules(self.rules, other.rules)]


def declaration_of(plan: Plan) -> Declaration:
    """What the classes and rules of a plan declare."""
    ways = ways_of(plan.nodes)
    return Declaration(
        {shape.name: _class_form(shape, ways) for shape in plan.shapes.values()},
        {node.key: _rule_form(node) for node in plan.nodes if isinstance(node, RuleNode)},
    )


def _class_form(shape: Shape, ways: Mapping[str, list[str]]) -> ClassForm:
    model = shape.model
    computed = {
        name: f"{type(one).__name__} {fingerprint([one, said_of(shape, name), *more], model)}"
        for name, one in model.__computed__.items()
        for more in [ways.get(f"{shape.name}.{name}", [])]
    }
    facts = {name: said_of(shape, name) for name in model.__facts__}
    views = {lens.column: fingerprint([lens.where, *lens.behind]) for lens in shape.views.values()}
    return ClassForm(shape.table.name, shape.kind.value, facts, computed, views)


def _rule_form(node: RuleNode) -> RuleForm:
    return RuleForm(
        source=node.source.name,
        targets=tuple(target.name for target in node.targets),
        fingerprint=fingerprint([node.rule.function, *_taken(node)] if _taken(node) else node.rule.function),
        once=node.once,
    )


def _taken(node: RuleNode) -> list[str]:
    """What the function takes, which its annotations say alone: a part of the source, a Global beside it."""
    lens = [] if node.lens is None else [f"in {node.lens.column}"]
    return lens if node.given is None else [*lens, f"given {node.given.shape.name}"]


def said_of(shape: Shape, name: str) -> str:
    """The type of a field by what its values may be; of a Decimal, with its places."""
    said = said_type(shape.model.model_fields[name].annotation)
    column = shape.table.c.get(name)
    if column is not None and isinstance(column.type, FixedPoint):
        return said.replace(DECIMAL, f"{DECIMAL}({column.type.places})", 1)
    return said


def said_type(annotation: Any) -> str:
    """A type by what its values may be: an enumeration with its values, a payload with its fields."""
    kind = without_none(annotation)
    optional = " | None" if admits_none(annotation) else ""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"{kind.__name__}({', '.join(str(member.value) for member in kind)}){optional}"
    if isinstance(kind, type) and kind.__module__ in ("builtins", "datetime", "uuid", "decimal"):
        return f"{kind.__name__}{optional}"
    name = getattr(kind, "__name__", None) or str(kind)
    try:
        schema = TypeAdapter(kind).json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return f"{name}{optional}"
    return f"{name} {fingerprint(schema)}{optional}"


def _classes(new: Mapping[str, ClassForm], old: Mapping[str, ClassForm]) -> Iterator[str]:
    yield from (f"the class {name} is new" for name in sorted(new.keys() - old.keys()))
    yield from (f"the class {name} is gone" for name in sorted(old.keys() - new.keys()))
    for name in sorted(new.keys() & old.keys()):
        if new[name].kind != old[name].kind:
            yield f"the class {name} is of another kind"
        for after, before, changed in (
            (new[name].facts, old[name].facts, "has other values"),
            (new[name].computed, old[name].computed, "is computed otherwise"),
            (new[name].views, old[name].views, "is a view of others"),
        ):
            yield from (
                f"{name}.{one} {changed}" for one in after if before.get(one, after[one]) != after[one]
            )
            yield from (f"{name}.{one} is new" for one in after if one not in before)
            yield from (f"{name}.{one} is gone" for one in before if one not in after)


def _rules(new: Mapping[str, RuleForm], old: Mapping[str, RuleForm]) -> Iterator[str]:
    yield from (f"the rule {key} is another" for key in new if old.get(key, new[key]) != new[key])
    yield from (f"the rule {key} is new" for key in new if key not in old)
    yield from (f"the rule {key} is gone" for key in old if key not in new)


def _text(form: Mapping[str, Any]) -> str:
    return json.dumps(form, sort_keys=True)
