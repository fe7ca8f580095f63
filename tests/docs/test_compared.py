"""The page that compares with interaqt: tests that it names are there, and what broke there holds here."""

import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import count
from typing import Any, Optional
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from framework import (
    Count,
    Entity,
    Event,
    Field,
    Formula,
    Lookup,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    Unique,
    computed,
    derive,
    on,
)
from framework.app import App, opened
from framework.model.record import ComputedPropertyWritten
from framework.plan.mistakes import AmbiguousTransitions, CyclicComputation, DeadTrigger
from framework.runtime.errors import AlreadyExists, InvalidRecord, MissingReference
from tests.docs.page import DOCS, ROOT, Page

PAGE = Page(DOCS / "compared.md")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


class Employee(Entity, table=True):
    boss_id: UUID | None = Field(default=None, foreign_key="employee.id", index=True)
    salary: int = 0
    reports: list["Employee"] = Relationship(back_populates="boss")
    boss: Optional["Employee"] = Relationship(
        back_populates="reports", sa_relationship_kwargs={"remote_side": "Employee.id"}
    )

    team: int = computed(Count(reports))
    team_salary: int = computed(Sum(reports, lambda report: report.salary))
    boss_salary: int | None = computed(Lookup(boss, lambda boss: boss.salary))


class Follow(Entity, table=True):
    __table_args__ = (Unique("follower_id", "followed_id"),)

    follower_id: UUID = Field(foreign_key="member.id", index=True)
    followed_id: UUID = Field(foreign_key="member.id", index=True)
    weight: int = 1


class Member(Entity, table=True):
    follows: list[Follow] = Relationship(sa_relationship_kwargs={"foreign_keys": "Follow.follower_id"})
    followers: list[Follow] = Relationship(sa_relationship_kwargs={"foreign_keys": "Follow.followed_id"})

    following: int = computed(Count(follows))
    followed: int = computed(Count(followers))
    weight: int = computed(Sum(followers, lambda follow: follow.weight))


class Cell(Entity, table=True):
    start: int = 0

    left: int = computed(Formula(lambda cell: cell.start + 1))
    right: int = computed(Formula(lambda cell: cell.start * 2))
    joined: str = computed(Formula(lambda cell: join(cell.left, cell.right)))


JOINED: list[tuple[int, int]] = []


def join(left: int, right: int) -> str:
    JOINED.append((left, right))
    return f"{left}+{right}"


class Seat(Entity, table=True):
    holder_id: UUID | None = Field(default=None, foreign_key="holder.id", unique=True)


class Holder(Entity, table=True):
    seats: list[Seat] = Relationship()

    held: int = computed(Count(seats))


class Plan(Entity, table=True):
    steps: int


class PlanStep(Entity, table=True):
    plan_id: UUID = Field(foreign_key="plan.id", index=True, ondelete="CASCADE")
    position: int


@derive
def plan_steps(plan: Plan) -> list[PlanStep]:
    return [PlanStep(plan_id=plan.id, position=position) for position in range(plan.steps)]


_STAMPS = count(1)


class Stamped(Event, table=True):
    stamp: int = Field(default_factory=lambda: next(_STAMPS))


class Light(StrEnum):
    OFF = "off"
    ON = "on"


class Pressed(Event, table=True):
    lamp_id: UUID = Field(foreign_key="lamp.id", index=True)


class Lamp(Entity, table=True):
    light: Light = computed(
        StateMachine(
            Light.OFF,
            Transition(Light.OFF, Light.ON, when=on(Pressed)),
            Transition(Light.ON, Light.OFF, when=on(Pressed)),
        )
    )


class Reading(Event, table=True):
    celsius: int
    place: str


@pytest.fixture
def app() -> Iterator[App]:
    classes: list[Any] = [Employee, Follow, Member, Cell, Seat, Holder, Plan, PlanStep, plan_steps]
    with opened(App([[*classes, Stamped, Pressed, Lamp, Reading]])) as app:
        yield app
        assert app.verify() == []


def test_the_tests_that_the_page_names_are_there() -> None:
    named = _TEST.findall(PAGE.text)
    absent = [f"{path}::{name}" for path, name in named if not is_there(path, name)]
    assert absent == []
    assert len(named) > 20


def is_there(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and re.search(rf"(def|class) {name}\b", file.read_text()) is not None


def test_every_class_of_defects_has_its_line() -> None:
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE.text, re.MULTILINE)]
    assert numbers == list(range(1, 46))


def test_an_employee_counts_those_below_and_not_the_one_above(app: App) -> None:
    with app.transaction() as tx:
        boss = tx.add(Employee(salary=9)).id
        ann, bob = (tx.add(Employee(boss_id=boss, salary=pay)).id for pay in (3, 4))
    assert [app.get(Employee, id).team for id in (boss, ann, bob)] == [2, 0, 0]
    assert app.get(Employee, boss).team_salary == 7
    with app.transaction() as tx:
        tx.update(Employee, ann, boss_id=bob)
        tx.update(Employee, boss, salary=10)
    assert [app.get(Employee, id).team for id in (boss, ann, bob)] == [1, 0, 1]
    assert [app.get(Employee, id).boss_salary for id in (boss, ann, bob)] == [None, 4, 10]


def test_those_who_follow_are_not_those_who_are_followed(app: App) -> None:
    with app.transaction() as tx:
        ann, bob, cat = (tx.add(Member()).id for _ in range(3))
        tx.add(Follow(follower_id=ann, followed_id=bob))
        tx.add(Follow(follower_id=cat, followed_id=bob))
    counts = [(app.get(Member, id).following, app.get(Member, id).followed) for id in (ann, bob, cat)]
    assert counts == [(1, 0), (0, 2), (1, 0)]


def test_a_member_whom_two_follow_is_weighed_by_both_links(app: App) -> None:
    with app.transaction() as tx:
        ann, bob, cat = (tx.add(Member()).id for _ in range(3))
        first = tx.add(Follow(follower_id=ann, followed_id=bob)).id
        tx.add(Follow(follower_id=ann, followed_id=cat))
    with app.transaction() as tx:
        tx.update(Follow, first, weight=5)
    assert [app.get(Member, id).weight for id in (ann, bob, cat)] == [0, 5, 1]


def test_a_second_link_of_the_same_two_is_refused(app: App) -> None:
    with app.transaction() as tx:
        ann, bob = (tx.add(Member()).id for _ in range(2))
        tx.add(Follow(follower_id=ann, followed_id=bob))
    with pytest.raises(AlreadyExists):
        with app.transaction() as tx:
            tx.add(Follow(follower_id=ann, followed_id=bob))
    assert app.get(Member, ann).following == 1


def test_a_link_to_nobody_is_refused(app: App) -> None:
    with pytest.raises(MissingReference, match="follower_id"):
        with app.transaction() as tx:
            tx.add(Follow(follower_id=uuid4(), followed_id=tx.add(Member()).id))
    assert app.query(select(Member)) == []


def test_where_two_ways_meet_is_computed_once_from_both(app: App) -> None:
    JOINED.clear()
    with app.transaction() as tx:
        cell = tx.add(Cell(start=1)).id
    with app.transaction() as tx:
        tx.update(Cell, cell, start=5)
    assert JOINED == [(2, 2), (6, 10)]


def test_what_is_computed_cannot_be_written(app: App) -> None:
    with app.transaction() as tx:
        cell = tx.add(Cell()).id
    with pytest.raises(ComputedPropertyWritten):
        with app.transaction() as tx:
            tx.update(Cell, cell, left=7)


def test_an_occupied_seat_is_not_taken_before_it_is_given_up(app: App) -> None:
    with app.transaction() as tx:
        ann, bob = (tx.add(Holder()).id for _ in range(2))
        seat, spare = tx.add(Seat(holder_id=ann)).id, tx.add(Seat()).id
    with pytest.raises(AlreadyExists):
        with app.transaction() as tx:
            tx.update(Seat, spare, holder_id=ann)
    with app.transaction() as tx:
        tx.update(Seat, seat, holder_id=bob)
        tx.update(Seat, spare, holder_id=ann)
    assert [app.get(Holder, id).held for id in (ann, bob)] == [1, 1]


def test_records_that_a_rule_keeps_equal_keep_their_ids(app: App) -> None:
    with app.transaction() as tx:
        plan = tx.add(Plan(steps=3)).id
    before = step_ids(app)
    for steps in (2, 4):
        with app.transaction() as tx:
            tx.update(Plan, plan, steps=steps)
        assert step_ids(app)[:2] == before[:2]
        assert len(step_ids(app)) == steps
    with app.transaction() as tx:
        tx.delete(Plan, plan)
    assert step_ids(app) == []


def step_ids(app: App) -> list[UUID]:
    return [step.id for step in app.query(select(PlanStep).order_by(PlanStep.position))]  # type: ignore[arg-type]  # a column


def test_a_default_is_evaluated_once_for_event_and_row(app: App) -> None:
    before = next(_STAMPS)
    receipt = app.dispatch(Stamped())
    assert (receipt.event.stamp, app.get(Stamped, receipt.id).stamp) == (before + 1, before + 1)
    assert next(_STAMPS) == before + 2


def test_one_press_moves_a_lamp_by_one_step(app: App) -> None:
    with app.transaction() as tx:
        lamp = tx.add(Lamp()).id
    assert app.get(Lamp, lamp).light is Light.OFF
    for light in (Light.ON, Light.OFF, Light.ON):
        app.dispatch(Pressed(lamp_id=lamp))
        assert app.get(Lamp, lamp).light is light


def test_a_schema_that_is_made_twice_counts_once(app: App) -> None:
    app.create()
    with app.transaction() as tx:
        member = tx.add(Member()).id
        tx.add(Follow(follower_id=member, followed_id=member))
    assert app.get(Member, member).following == 1


def test_all_that_is_wrong_with_an_event_is_said(app: App) -> None:
    with pytest.raises(InvalidRecord, match=r"celsius.*place"):
        app.dispatch(Reading(celsius="warm", place=3))  # type: ignore[arg-type]  # that is the point


def test_nothing_is_not_unequal_in_a_query(app: App) -> None:
    with app.transaction() as tx:
        boss = tx.add(Employee()).id
        tx.add(Employee(boss_id=boss))
    other = select(Employee).where(Employee.boss_id != uuid4())
    assert len(app.query(other)) == 1
    assert len(app.query(select(Employee).where(Employee.boss_id == None))) == 1  # noqa: E711  # SQL's IS NULL


def test_properties_that_define_each_other_are_a_mistake() -> None:
    class Ouroboros(Entity, table=True):
        head: int = computed(Formula(lambda snake: snake.tail))
        tail: int = computed(Formula(lambda snake: snake.head))

    with pytest.raises(CyclicComputation, match="Ouroboros"):
        App([[Ouroboros]])


def test_two_ways_out_of_one_state_are_a_mistake() -> None:
    class Way(StrEnum):
        HERE = "here"
        LEFT = "left"
        RIGHT = "right"

    class Walked(Event, table=True):
        walker_id: UUID = Field(foreign_key="walker.id")

    class Walker(Entity, table=True):
        way: Way = computed(
            StateMachine(
                Way.HERE,
                Transition(Way.HERE, Way.LEFT, when=on(Walked)),
                Transition(Way.HERE, Way.RIGHT, when=on(Walked)),
            )
        )

    with pytest.raises(AmbiguousTransitions, match="left"):
        App([[Walked, Walker]])


def test_a_trigger_that_can_never_fire_is_a_mistake() -> None:
    with pytest.raises(DeadTrigger, match="Pressed"):
        App([[Lamp]])
