"""New records may refer to others of their transaction that come after them, and to each other."""

from collections.abc import Iterator
from itertools import pairwise
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Count, Entity, Field, First, Relationship, computed
from framework.app import App, opened
from framework.model.identity import new_id
from framework.runtime.errors import MissingReference


class Team(Entity, table=True):
    name: str = ""
    captain_id: UUID | None = Field(default=None, foreign_key="player.id", unique=True)
    players: list["Player"] = Relationship(sa_relationship_kwargs={"foreign_keys": "Player.team_id"})

    count: int = computed(Count(players))
    eldest: str | None = computed(First(players, lambda player: player.name))


class Player(Entity, table=True):
    name: str = ""
    team_id: UUID | None = Field(default=None, foreign_key="team.id")
    coach_id: UUID | None = Field(default=None, foreign_key="player.id")
    coached: list["Player"] = Relationship(sa_relationship_kwargs={"foreign_keys": "Player.coach_id"})

    pupils: int = computed(Count(coached))


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Team, Player]], database=database_url)) as app:
        yield app
        assert app.verify() == []


@pytest.mark.parametrize("many", [3, 600])
def test_a_chain_is_added_from_either_end(app: App, many: int) -> None:
    players = [Player(name=str(number)) for number in range(many)]
    for player, coach in pairwise(players):
        player.coach_id = coach.id
    with app.transaction() as tx:
        tx.add_all(players)
    found = {player.id: player for player in app.query(select(Player))}
    assert [found[player.id].coach_id for player in players] == [*(one.id for one in players[1:]), None]
    assert [found[player.id].pupils for player in players] == [0, *[1] * (many - 1)]


def test_a_circle_of_classes_is_added_at_once_and_keeps_its_order(app: App) -> None:
    captain = new_id()
    with app.transaction() as tx:
        team = tx.add(Team(name="red", captain_id=captain)).id
        tx.add(Player(name="bo", team_id=team, coach_id=captain))
        tx.add(Player(id=captain, name="al", team_id=team, coach_id=captain))
    found = app.get(Team, team)
    assert (found.captain_id, found.count, found.eldest) == (captain, 2, "bo")
    assert app.get(Player, captain).pupils == 2


def test_a_circle_is_loaded_from_rows(app: App) -> None:
    one, two = new_id(), new_id()
    with app.transaction() as tx:
        tx.load(Player, [{"id": one, "coach_id": two}, {"id": two, "coach_id": one}])
    assert (app.get(Player, one).coach_id, app.get(Player, two).coach_id) == (two, one)


def test_who_goes_in_the_same_transaction_was_never_referred_to(app: App) -> None:
    with app.transaction() as tx:
        one, two = Player(name="one"), Player(name="two")
        one.coach_id = two.id
        tx.add_all([one, two])
        tx.update(Player, one.id, coach_id=None)
        tx.delete(Player, two.id)
    assert [player.name for player in app.query(select(Player))] == ["one"]


def test_who_is_nowhere_is_still_missing(app: App) -> None:
    nobody = new_id()
    with pytest.raises(MissingReference) as refused, app.transaction() as tx:
        tx.add_all([Player(name="one"), Player(name="two", coach_id=nobody)])
    assert str(refused.value) == (
        f"Player.coach_id refers to Player {nobody}, which does not exist. Create it first, or correct the "
        "id."
    )
    assert app.query(select(Player)) == []
