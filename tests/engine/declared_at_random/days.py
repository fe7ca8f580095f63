"""What happens to records of a schema, day by day: in an App, and in plain Python beside it."""

from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any, Literal, get_args

import pytest
from hypothesis import strategies as st
from sqlmodel import select

from framework.app import App
from framework.runtime.errors import CircularRecords, StillReferenced, TransactionFailed
from framework.runtime.transaction import Transaction
from tests.engine.declared_at_random.keeping import moment
from tests.engine.declared_at_random.values import Row
from tests.engine.declared_at_random.world import World

What = Literal[
    "add", "add_all", "change", "change_where", "move", "delete", "delete_where", "dial", "bind", "rebind",
    "part",
]  # fmt: skip
WHAT: tuple[What, ...] = get_args(What)


@dataclass(frozen=True)
class Step:
    """One thing that happens; `picks` choose among what is there."""

    what: What
    model: int
    picks: tuple[int, int]
    numbers: tuple[int | None, ...]


numbers = st.none() | st.integers(-3, 6)
steps = st.builds(
    Step,
    st.sampled_from(("add", "add", "add", "move", *WHAT)),
    st.integers(0, 3),
    st.tuples(st.integers(0, 7), st.integers(0, 7)),
    st.tuples(numbers, numbers),
)
day = st.tuples(st.integers(0, 3), st.lists(steps, min_size=2, max_size=8))
days = st.lists(day, min_size=1, max_size=7)
few_days = st.lists(day, min_size=1, max_size=3)
Days = list[tuple[int, list[Step]]]
"""How many hours go by before each day, and what happens then."""


class Undone(Exception):
    """The user thinks better of it."""


def carry_out(step: Step, world: World, module: Any, tx: Transaction) -> bool:
    """Do one thing in both worlds; whether it can be done."""
    classes = [getattr(module, model.name) for model in world.schema.models]
    bonds = {number: getattr(module, f"Bond{number}") for number in world.schema.friendly}
    number = step.model % len(classes)
    model, rows = world.schema.models[number], world.rows[number]
    facts: Row = dict(zip(model.facts, step.numbers, strict=False))
    chosen = list(rows)[step.picks[0] % len(rows)] if rows else None
    level = step.picks[0] % 4
    above = [id for id, row in rows.items() if (row["f0"] or 0) > level]
    match step.what:
        case "add" | "add_all":
            for one in model.references:
                hosts = list(world.rows[one.target])
                if not hosts and not one.nullable:
                    return True
                pick = step.picks[1] % (len(hosts) + one.nullable)
                facts[one.key] = hosts[pick] if pick < len(hosts) else None
            if world.is_linked(number, facts):
                return True
            if world.is_timed(number):
                facts["at"] = moment(world.now)
            record = classes[number](**facts)
            if step.what == "add":
                tx.add(record)
            else:
                tx.add_all([record])
            rows[record.id] = facts
            world.take(number, record.id, facts)
        case "change" if chosen is not None:
            tx.update(classes[number], chosen, **facts)
            rows[chosen] |= facts
        case "change_where":
            assert tx.update_where(classes[number], classes[number].f0 > level, **facts) == len(above)
            for id in above:
                rows[id] |= facts
        case "move" if chosen is not None and model.references:
            one = model.references[step.picks[1] % len(model.references)]
            hosts = list(world.rows[one.target])
            pick = step.picks[1] % (len(hosts) + one.nullable)
            there = {one.key: hosts[pick] if pick < len(hosts) else None}
            if not world.is_linked(number, rows[chosen] | there, but=chosen):
                tx.update(classes[number], chosen, **there)
                rows[chosen] |= there
                world.take(number, chosen, there)
        case "dial":
            world.level = step.picks[0] % 4 - 1
            tx.update(module.Dials, level=world.level)
        case "bind" if number in world.schema.friendly and chosen is not None:
            pair = chosen, list(rows)[step.picks[1] % len(rows)]
            if not world.are_bound(number, pair):
                bond = tx.add(bonds[number](one_id=pair[0], other_id=pair[1]))
                world.bonds.setdefault(number, {})[bond.id] = pair
        case "rebind" if world.bonds.get(number) and chosen is not None:
            bound = world.bonds[number]
            id = list(bound)[step.picks[1] % len(bound)]
            pair = chosen, bound[id][step.picks[1] % 2]
            if len({*pair}) == len({*bound[id]}) and not world.are_bound(number, pair, but=id):
                tx.update(bonds[number], id, one_id=pair[0], other_id=pair[1])
                bound[id] = pair
        case "part" if world.bonds.get(number):
            bound = world.bonds[number]
            id = list(bound)[step.picks[1] % len(bound)]
            tx.delete(bonds[number], id)
            del bound[id]
        case "delete" if chosen is not None:
            if not world.delete(number, chosen):
                with pytest.raises(StillReferenced):
                    tx.delete(classes[number], chosen)
                return False
            tx.delete(classes[number], chosen)
        case "delete_where":
            if not world.delete(number, *above):
                with pytest.raises(StillReferenced):
                    tx.delete_where(classes[number], classes[number].f0 > level)
                return False
            assert tx.delete_where(classes[number], classes[number].f0 > level) == len(above)
    return True


def check(app: App, world: World, module: ModuleType) -> None:
    rows, total = world.everything()
    for number, expected in enumerate(rows):
        kind = getattr(module, f"E{number}")
        stored = {one.id: one.model_dump() for one in app.query(select(kind))}
        assert stored == {id: stored[id] | row for id, row in expected.items() if id in stored}
        assert stored.keys() == expected.keys()
    for number in world.schema.friendly:
        links = app.query(select(getattr(module, f"Bond{number}")))
        assert {one.id: (one.one_id, one.other_id) for one in links} == world.bonds.get(number, {})
    assert {name: getattr(app.get(module.Totals), name) for name in total} == total
    if world.schema.twins is not None:
        made = [one.number for one in app.query(select(module.Twin))]
        assert sorted(made, key=repr) == sorted(world.twins, key=repr)
    for one in world.schema.rounds:
        made = app.query(select(getattr(module, one.name)))
        assert sorted(getattr(each, f"e{one.model}_id") for each in made) == sorted(world.made.get(one, ()))
    if world.schema.told is not None:
        assert sorted(one.source_id for one in app.query(select(module.Told))) == sorted(world.told)
    assert [str(one) for one in app.verify()] == []


def wait(app: App, world: World, hours: int) -> None:
    """Let time go by, from one moment to the next at which a deadline can turn."""
    clock: Any = app.clock
    minutes = {
        one.minute for model in world.schema.models for one in model.properties if one.kind == "Deadline"
    }
    until = world.now // 60 * 60 + 60 * hours
    for now in range(world.now + 1, until + 1):
        if now % 60 in minutes or now == until:
            clock.advance(timedelta(minutes=now - world.now))
            world.now = now
            app.tick()
            world.everything()
            world.sweep()


def live(app: App, module: ModuleType, world: World, days: Days) -> World:
    """Let the days happen in both worlds, and hold them against each other after each; how it ends."""
    for number, (hours, day) in enumerate(days):
        if hours:
            wait(app, world, hours)
            check(app, world, module)
        before = world.copy()
        try:
            with app.transaction() as tx:
                for step in day:
                    if not carry_out(step, world, module, tx):
                        raise Undone
                if number % 5 == 4:
                    raise Undone
        except (Undone, TransactionFailed):
            world = before
        except CircularRecords:
            assert world.circular
            world = before
        else:
            assert not world.circular
        check(app, world, module)
    return world
