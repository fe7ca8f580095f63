"""What changes about rules, and what that means for the records that they made, or would have made."""

from collections.abc import Mapping
from dataclasses import dataclass

from framework.migration.changes import Change
from framework.migration.renames import Renames
from framework.migration.survey import Survey
from framework.plan.declaration import Declaration, RuleForm, declaration_of
from framework.plan.node import RuleNode
from framework.plan.plan import Plan
from framework.plan.shape import Kind, Shape
from framework.storage.forms import Form
from framework.storage.tables import MADE_BY


@dataclass(frozen=True)
class RuleChanges:
    """Changes of rules, what is to be done again for them, and what is to be taken away."""

    changes: tuple[Change, ...] = ()
    roots: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    gone: tuple[tuple[str, tuple[str, ...]], ...] = ()


def rule_changes(
    plan: Plan, before: Declaration | None, renames: Renames, survey: Survey, forms: Mapping[str, Form]
) -> RuleChanges:
    """The rules of an App, held against those that a database was made for."""
    if before is None:
        return RuleChanges()
    changes, roots, added, gone = [], [], [], []
    now = declaration_of(plan).rules
    taken = {renames.rules.get(key, key) for key in now}
    left = {key: before.rules[key] for key in sorted(before.rules.keys() - taken)}
    for node in (node for node in plan.nodes if isinstance(node, RuleNode)):
        key = node.key
        then = before.rules.get(renames.rules.get(key, key))
        if key in renames.rules:
            changes.append(Change(f"rule {key}", f"was {renames.rules[key]}"))
        if then is None:
            remedy = _mistaken(now[key], left, renames)
            changes.append(Change(f"rule {key}", _arrival(node), remedy=remedy))
            added.append(f"rule {key}")
        elif _as_now(then, renames) != now[key]:
            changes.append(Change(f"rule {key}", _change(node)))
        else:
            continue
        roots.append(f"rule {key}")
    for key, form in left.items():
        kept, lost = _kept_equal(key, form, plan, renames, survey, forms)
        what = f"is gone, and {lost} records that it kept equal go with it" if lost else "is gone"
        changes.append(Change(f"rule {key}", what, lost=lost))
        if lost:
            gone.append((key, tuple(sorted(shape.name for shape in _reached(kept)))))
    return RuleChanges(tuple(changes), tuple(roots), tuple(added), tuple(gone))


def _arrival(node: RuleNode) -> str:
    made = _of_kind(node, entities=True)
    said = f"a new rule: {made} are made of old records too" if made else "a new rule"
    return said + _sparing(node)


def _mistaken(form: RuleForm, left: Mapping[str, RuleForm], renames: Renames) -> str:
    """What to do about a rule that would make again what one that is gone has made once, and that stays."""
    for key, then in left.items():
        was = _as_now(then, renames)
        if form.once and was.once and was.source == form.source and set(was.targets) & set(form.targets):
            return (
                f"What {key} has made stays, and would be there twice. If it is this rule, say "
                f'`@derive(renamed_from="{key.partition("[")[0]}")`; if not, take {key} away in a migration '
                "of its own before"
            )
    return ""


def _change(node: RuleNode) -> str:
    if node.once:
        return "is another: what it made stays"
    made = _of_kind(node, entities=True)
    said = f"is another: {made} are brought to what it says now" if made else "is another"
    return said + _sparing(node)


def _sparing(node: RuleNode) -> str:
    acts = _of_kind(node, entities=False)
    return f"; no {acts} is made for old records, unless it is told to act for them" if acts else ""


def _of_kind(node: RuleNode, *, entities: bool) -> str:
    return " and ".join(one.name for one in node.targets if (one.kind is Kind.ENTITY) is entities)


def _as_now(form: RuleForm, renames: Renames) -> RuleForm:
    """The form with its classes as they are called now."""
    names = {old: new for new, old in renames.classes.items()}
    return RuleForm(
        source=names.get(form.source, form.source),
        targets=tuple(names.get(one, one) for one in form.targets),
        fingerprint=form.fingerprint,
        once=form.once,
    )


def _kept_equal(
    key: str, form: RuleForm, plan: Plan, renames: Renames, survey: Survey, forms: Mapping[str, Form]
) -> tuple[list[Shape], int]:
    """The entities that a rule kept equal: their classes, and how many they are."""
    if form.once:
        return [], 0
    targets = _as_now(form, renames).targets
    kept, count = [], 0
    for shape in plan.of_kind(Kind.ENTITY):
        there = renames.tables.get(shape.table.name, shape.table.name)
        if shape.name in targets and there in forms and MADE_BY in forms[there].columns:
            kept.append(shape)
            count += survey.made_by(there, key)
    return kept, count


def _reached(shapes: list[Shape]) -> set[Shape]:
    """The classes, and those whose records go, or let go, with theirs."""
    reached, growing = set(shapes), list(shapes)
    while growing:
        for referrer, _, ondelete in growing.pop().referrers:
            if ondelete in ("CASCADE", "SET NULL") and referrer not in reached:
                reached.add(referrer)
                growing.append(referrer)
    return reached
