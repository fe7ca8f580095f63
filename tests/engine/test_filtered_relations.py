"""Filtered relations: live parts of a relation, and what sees them."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from framework import (
    Average,
    Count,
    Custom,
    Entity,
    Every,
    Field,
    First,
    Formula,
    Max,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    Unique,
    changed,
    computed,
    created,
    entered,
    left,
    subset,
)
from framework.app import App


class Desk(StrEnum):
    EMPTY = "empty"
    BUSY = "busy"
    DONE = "done"


class Alarm(StrEnum):
    OFF = "off"
    ON = "on"


class Task(Entity, table=True):
    worker_id: UUID | None = Field(default=None, foreign_key="worker.id", ondelete="CASCADE")
    hours: int = 0
    open: bool = True

    hard: bool = computed(Formula(lambda task: task.hours > 5))


class HardTask(Task, where=lambda task: task.hard):
    pass


def odd(task: Any) -> int:
    return int(task is not None and task.hours % 2 == 1)


class Worker(Entity, table=True):
    tasks: list[Task] = Relationship()
    open_tasks: list[Task] = subset(tasks, lambda task: task.open)
    hard_tasks: list[HardTask] = subset(tasks, HardTask)
    hard_open: list[HardTask] = subset(open_tasks, HardTask)
    urgent: list[Task] = subset(hard_open, lambda task: task.hours > 10)

    open_count: int = computed(Count(open_tasks))
    open_hours: int = computed(Sum(open_tasks, lambda task: task.hours))
    long_open: int = computed(Count(open_tasks, where=lambda task: task.hours > 2))
    mean: float | None = computed(Average(open_tasks, lambda task: task.hours))
    all_hard: bool = computed(Every(open_tasks, lambda task: task.hard))
    longest: int | None = computed(Max(open_tasks, lambda task: task.hours))
    first: int | None = computed(First(hard_tasks, lambda task: task.hours))
    hard: int = computed(Count(hard_tasks))
    both: int = computed(Count(hard_open))
    urgent_hours: int = computed(Sum(urgent, lambda task: task.hours))
    listed: list[int] = computed(
        Custom(lambda worker: sorted(task.hours for task in worker.hard_open), reads=("hard_open.hours",))
    )
    odd: int = computed(
        Custom(
            lambda worker: sum(odd(task) for task in worker.open_tasks),
            step=lambda value, before, after: value - odd(before) + odd(after),
            reads=("open_tasks.hours",),
        )
    )
    desk: Desk = computed(
        StateMachine(
            Desk.EMPTY,
            Transition(Desk.EMPTY, Desk.BUSY, when=entered(open_tasks)),
            Transition(Desk.DONE, Desk.BUSY, when=entered(open_tasks)),
            Transition(Desk.BUSY, Desk.DONE, when=left(open_tasks)),
        )
    )
    alarm: Alarm = computed(
        StateMachine(
            Alarm.OFF,
            Transition(Alarm.OFF, Alarm.ON, when=created(urgent)),
            Transition(Alarm.ON, Alarm.OFF, when=changed(urgent, "hours")),
        )
    )


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    app = App([Task, HardTask, Worker], database=database_url)
    app.create()
    yield app
    assert app.verify() == []
    app.close()


def hire(app: App, *hours: int) -> tuple[Worker, list[Task]]:
    with app.transaction() as tx:
        worker = tx.add(Worker())
        return worker, [tx.add(Task(worker_id=worker.id, hours=one)) for one in hours]


def test_every_computation_takes_a_part_of_a_relation(app: App) -> None:
    worker, (_, long, _) = hire(app, 1, 7, 12)
    found = app.get(Worker, worker.id)
    assert (found.open_count, found.open_hours, found.long_open, found.longest) == (3, 20, 2, 12)
    assert (found.mean, found.all_hard, found.first, found.odd) == (20 / 3, False, 7, 2)
    assert (found.hard, found.both, found.urgent_hours, found.listed) == (2, 2, 12, [7, 12])
    with app.transaction() as tx:
        tx.update(long, open=False)
    found = app.get(Worker, worker.id)
    assert (found.open_count, found.open_hours, found.long_open, found.longest) == (2, 13, 1, 12)
    assert (found.mean, found.all_hard, found.first, found.odd) == (6.5, False, 7, 1)
    assert (found.hard, found.both, found.urgent_hours, found.listed) == (2, 1, 12, [12])


def test_a_member_that_moves_counts_where_it_is(app: App) -> None:
    one, (task, _) = hire(app, 7, 8)
    other, _ = hire(app)
    with app.transaction() as tx:
        tx.update(task, worker_id=other.id, hours=11)
    assert [app.get(Worker, worker.id).open_hours for worker in (one, other)] == [8, 11]
    assert [app.get(Worker, worker.id).listed for worker in (one, other)] == [[8], [11]]
    assert [app.get(Worker, worker.id).urgent_hours for worker in (one, other)] == [0, 11]


def test_nothing_counts_of_what_left_and_changed_at_once(app: App) -> None:
    worker, (task,) = hire(app, 7)
    with app.transaction() as tx:
        tx.update(task, open=False, hours=99)
    found = app.get(Worker, worker.id)
    assert (found.open_count, found.open_hours, found.longest, found.mean, found.odd) == (0, 0, None, None, 0)
    with app.transaction() as tx:
        tx.update(task, open=True)
    assert app.get(Worker, worker.id).open_hours == 99


def test_machines_hear_of_making_moves_and_membership(app: App) -> None:
    one, (task,) = hire(app, 7)
    other, _ = hire(app)

    def desks() -> list[str]:
        return [app.get(Worker, worker.id).desk.value for worker in (one, other)]

    assert desks() == ["busy", "empty"]
    with app.transaction() as tx:
        tx.update(task, worker_id=other.id)
    assert desks() == ["done", "busy"]
    with app.transaction() as tx:
        tx.update(task, open=False)
    assert desks() == ["done", "done"]
    with app.transaction() as tx:
        tx.update(task, worker_id=one.id)  # it is in nobody's open tasks
    assert desks() == ["done", "done"]
    with app.transaction() as tx:
        tx.update(task, open=True)
    assert desks() == ["busy", "done"]
    with app.transaction() as tx:
        tx.delete(task)
    assert desks() == ["done", "done"]


def test_created_and_changed_are_about_members(app: App) -> None:
    worker, (task,) = hire(app, 7)
    assert app.get(Worker, worker.id).alarm is Alarm.OFF
    with app.transaction() as tx:
        tx.update(task, hours=11)  # it enters: that is no change of a member
    assert app.get(Worker, worker.id).alarm is Alarm.ON
    with app.transaction() as tx:
        tx.update(task, hours=9)  # it leaves
    assert app.get(Worker, worker.id).alarm is Alarm.ON
    with app.transaction() as tx:
        tx.update(task, hours=12)
    with app.transaction() as tx:
        tx.update(task, hours=13)
    assert app.get(Worker, worker.id).alarm is Alarm.OFF


def test_a_part_of_what_is_linked_is_counted_by_each_who_links(database_url: str) -> None:
    class Calm(StrEnum):
        NO = "no"
        YES = "yes"

    class Signed(Entity, table=True):
        __table_args__ = (Unique("team_id", "player_id"),)

        team_id: UUID = Field(foreign_key="team.id")
        player_id: UUID = Field(foreign_key="player.id", ondelete="CASCADE")

    class Player(Entity, table=True):
        goals: int = 0

    class Team(Entity, table=True):
        players: list[Player] = Relationship(link_model=Signed)
        scorers: list[Player] = subset(players, lambda player: player.goals > 0)

        scoring: int = computed(Count(scorers))
        goals: int = computed(Sum(scorers, lambda player: player.goals))
        best: int | None = computed(Max(scorers, lambda player: player.goals))
        calm: Calm = computed(
            StateMachine(
                Calm.NO,
                Transition(Calm.NO, Calm.YES, when=entered(scorers)),
                Transition(Calm.YES, Calm.NO, when=left(scorers)),
            )
        )

    app = App([Signed, Player, Team], database=database_url)
    app.create()
    with app.transaction() as tx:
        player = tx.add(Player())
        teams = [tx.add(Team()), tx.add(Team())]
        for team in teams:
            tx.add(Signed(team_id=team.id, player_id=player.id))

    def said() -> list[tuple[int, int, int | None, str]]:
        found = [app.get(Team, team.id) for team in teams]
        return [(one.scoring, one.goals, one.best, one.calm.value) for one in found]

    assert said() == [(0, 0, None, "no")] * 2
    with app.transaction() as tx:
        tx.update(player, goals=3)
    assert said() == [(1, 3, 3, "yes")] * 2
    with app.transaction() as tx:
        tx.update(player, goals=0)
    assert said() == [(0, 0, None, "no")] * 2
    with app.transaction() as tx:
        tx.update(player, goals=2)
    with app.transaction() as tx:
        tx.delete(player)
    assert said() == [(0, 0, None, "no")] * 2
    assert app.verify() == []
    app.close()


def test_explain_shows_the_members(app: App) -> None:
    worker, (task, _) = hire(app, 7, 2)
    why = app.explain(Worker, "both", worker.id)
    assert why.because == "it is the Count over 1 records of Worker.hard_open, by worker_id"
    assert [one.id for one in why.inputs] == [task.id]
