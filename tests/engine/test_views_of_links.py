"""Parts of what is linked: who is there when a link comes, goes, or is pointed at another record."""

from collections.abc import Iterator
from enum import StrEnum
from uuid import UUID

import pytest

from framework import (
    Custom,
    Entity,
    Field,
    Global,
    Relationship,
    StateMachine,
    Transition,
    Unique,
    computed,
    entered,
    left,
    subset,
)
from framework.app import App, opened


class Stage(StrEnum):
    EMPTY = "empty"
    FULL = "full"
    LEFT = "left"


class Signed(Entity, table=True):
    __table_args__ = (Unique("team_id", "player_id"),)

    team_id: UUID = Field(foreign_key="team.id", ondelete="CASCADE")
    player_id: UUID | None = Field(default=None, foreign_key="player.id", ondelete="SET NULL")


class Player(Entity, table=True):
    team_id: UUID | None = Field(default=None, foreign_key="team.id")
    goals: int = 0


class Scorer(Player, where=lambda player: player.goals > 0):
    pass


def one_more(value: int, before: Player | None, after: Player | None) -> int:
    """Of a scorer who came, went or changed: there is one at least."""
    if before is None:
        assert after is not None
        return value + after.goals
    return value - before.goals + (after.goals if after is not None else 0)


class Team(Entity, table=True):
    players: list[Player] = Relationship(link_model=Signed)
    scorers: list[Player] = subset(players, Scorer)
    born: list[Player] = Relationship()
    born_scorers: list[Player] = subset(born, Scorer)

    goals: int = computed(
        Custom(lambda team: sum(one.goals for one in team.scorers), one_more, ("scorers.goals",))
    )
    born_goals: int = computed(
        Custom(lambda team: sum(one.goals for one in team.born_scorers), one_more, ("born_scorers.goals",))
    )
    stage: Stage = computed(
        StateMachine(
            Stage.EMPTY,
            Transition(Stage.EMPTY, Stage.FULL, when=entered(players)),
            Transition(Stage.LEFT, Stage.FULL, when=entered(players)),
            Transition(Stage.FULL, Stage.LEFT, when=left(players)),
        )
    )
    joy: Stage = computed(
        StateMachine(
            Stage.EMPTY,
            Transition(Stage.EMPTY, Stage.FULL, when=entered(scorers)),
            Transition(Stage.FULL, Stage.LEFT, when=left(scorers)),
        )
    )


class League(Global, table=True):
    goals: int = computed(
        Custom(
            lambda league, scorers: sum(one.goals for one in scorers),
            one_more,
            ("Scorer.goals",),
            over=Scorer,
        )
    )


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Signed, Player, Scorer, Team, League]], database=database_url)) as app:
        yield app
        assert [str(one) for one in app.verify()] == []


def test_who_is_pointed_at_enters_after_the_one_before_has_left(app: App) -> None:
    with app.transaction() as tx:
        team, bob, eve = tx.add(Team()), tx.add(Player()), tx.add(Player())
        link = tx.add(Signed(team_id=team.id, player_id=bob.id))
    with app.transaction() as tx:
        tx.update(link, player_id=eve.id)
    moves = app.explain(Team, "stage", team.id).inputs
    assert [move.what.partition(",")[0] for move in moves] == [
        "Player entered: empty -> full",
        "Player left: full -> left",
        "Player entered: left -> full",
    ]
    with app.transaction() as tx:
        tx.update(link, player_id=None)
    assert app.get(Team, team.id).stage is Stage.LEFT


def test_who_is_linked_anew_neither_leaves_nor_enters(app: App) -> None:
    with app.transaction() as tx:
        team, bob, eve = tx.add(Team()), *(tx.add(Player(goals=goals)) for goals in (1, 2))
        links = [tx.add(Signed(team_id=team.id, player_id=player.id)) for player in (bob, eve)]
    with app.transaction() as tx:
        for link in links:
            tx.delete(link)
        links = [tx.add(Signed(team_id=team.id, player_id=player.id)) for player in (eve, bob)]
    found = app.get(Team, team.id)
    assert (found.stage, found.joy, found.goals) == (Stage.FULL, Stage.FULL, 3)
    with app.transaction() as tx:
        tx.delete(links[0])
        tx.update(links[1], player_id=eve.id)
    found = app.get(Team, team.id)
    assert (found.stage, found.joy, found.goals) == (Stage.LEFT, Stage.LEFT, 2)


def test_of_two_members_that_one_link_leads_to_the_first_has_left(app: App) -> None:
    with app.transaction() as tx:
        team, bob, eve, ada = tx.add(Team()), *(tx.add(Player(goals=goals)) for goals in (1, 2, 0))
        link = tx.add(Signed(team_id=team.id, player_id=ada.id))
    assert app.get(Team, team.id).joy is Stage.EMPTY
    with app.transaction() as tx:
        tx.update(link, player_id=bob.id)
    assert app.get(Team, team.id).joy is Stage.FULL
    with app.transaction() as tx:
        tx.update(link, player_id=eve.id)
    assert app.get(Team, team.id).joy is Stage.LEFT


def test_a_step_is_given_members_alone(app: App) -> None:
    with app.transaction() as tx:
        team = tx.add(Team())
        player = tx.add(Player(team_id=team.id))
    for goals, link in ((0, True), (-1, False), (2, False), (3, False), (0, False), (-2, False), (4, False)):
        with app.transaction() as tx:
            tx.update(player, goals=goals)
            if link:
                tx.add(Signed(team_id=team.id, player_id=player.id))
        counted = max(goals, 0)
        assert app.get(League).goals == counted
        found = app.get(Team, team.id)
        assert (found.goals, found.born_goals) == (counted, counted)
