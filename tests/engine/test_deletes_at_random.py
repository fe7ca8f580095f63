"""Whoever refers to whom by which keys: what goes, lets go and is kept is as plain Python says."""

from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from framework import Count, Entity, Field, Global, computed
from framework.app import App, opened
from framework.model.identity import new_id
from framework.runtime.errors import NoSuchRecord, StillReferenced
from tests.schemas import schema
from tests.soak import examples


class Stone(Entity, table=True):
    """It goes with one stone, lets go of another, and keeps two more and a peg from going."""

    goes_with: UUID | None = Field(default=None, foreign_key="stone.id", ondelete="CASCADE")
    leans_on: UUID | None = Field(default=None, foreign_key="stone.id", ondelete="SET NULL")
    holds: UUID | None = Field(default=None, foreign_key="stone.id")
    nails: UUID | None = Field(default=None, foreign_key="stone.id", ondelete="RESTRICT")
    peg_id: UUID | None = Field(default=None, foreign_key="peg.id")


class Peg(Entity, table=True):
    goes_with: UUID | None = Field(default=None, foreign_key="stone.id", ondelete="CASCADE")
    holds: UUID | None = Field(default=None, foreign_key="stone.id")


class Wall(Global, table=True):
    stones: int = computed(Count(Stone))
    leaning: int = computed(Count(Stone, lambda stone: stone.leans_on is not None))
    pegs: int = computed(Count(Peg))


Place = tuple[type[Stone] | type[Peg], int]
Keys = dict[tuple[Place, str], Place]
"""Where the keys of all lead that lead anywhere."""

NAMES = {Stone: ["goes_with", "leans_on", "holds", "nails", "peg_id"], Peg: ["goes_with", "holds"]}
MANY = {Stone: 5, Peg: 3}

stone = st.tuples(st.just(Stone), st.integers(0, MANY[Stone] - 1))
peg = st.tuples(st.just(Peg), st.integers(0, MANY[Peg] - 1))
key = st.one_of(
    st.tuples(st.tuples(stone, st.sampled_from(NAMES[Stone][:4])), stone),
    st.tuples(st.tuples(stone, st.just("peg_id")), peg),
    st.tuples(st.tuples(peg, st.sampled_from(NAMES[Peg])), stone),
)
keys = st.lists(key, max_size=14).map(dict)


class Kept(Exception):
    """Somebody keeps another from going."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('walls')}/test.db"
        else:
            url = stack.enter_context(schema(request.getfixturevalue("postgres")))
        yield stack.enter_context(opened(App([[Stone, Peg, Wall]], database=url)))


def without(wall: Keys, going: set[Place]) -> tuple[Keys, set[Place]]:
    """Where keys lead when these stones have gone, and who went; raises Kept."""
    gone: set[Place] = set()
    while going - gone:
        gone |= going
        going = {place for (place, name), to in wall.items() if name == "goes_with" and to in gone}
    left = {(place, name): to for (place, name), to in wall.items() if place not in gone}
    if any(to in gone and name != "leans_on" for (_, name), to in left.items()):
        raise Kept
    return {key: to for key, to in left.items() if to not in gone}, gone


@given(wall=keys, going=st.sets(stone, min_size=1, max_size=3), later=st.sets(stone, max_size=1), moved=keys)
@examples(60, soak=1500)
def test_what_goes_is_as_plain_python_says(
    app: App, wall: Keys, going: set[Place], later: set[Place], moved: Keys
) -> None:
    with app.transaction() as tx:
        tx.update_where(Peg, col(Peg.holds).is_not(None), holds=None)
        tx.delete_where(Stone, col(Stone.id).is_not(None))
        tx.delete_where(Peg, col(Peg.id).is_not(None))
    ids = {(model, number): new_id() for model, many in MANY.items() for number in range(many)}
    with app.transaction() as tx:  # they refer to others that come after them, too
        for place, id in ids.items():
            facts = {name: ids[to] for (one, name), to in wall.items() if one == place}
            tx.add(place[0](id=id, **facts))
    left, gone, kept = wall | moved, set[Place](), False
    try:
        for group in (going, later):
            left, went = without(left, group - gone)
            gone |= went
    except Kept:
        left, gone, kept = wall, set(), True

    refused = pytest.raises(StillReferenced) if kept else nullcontext()
    with refused, app.transaction() as tx:
        for (place, name), to in moved.items():
            tx.update(place[0], ids[place], **{name: ids[to]})
        tx.delete_where(Stone, col(Stone.id).in_([ids[one] for one in going]))
        for one in later:
            with suppress(NoSuchRecord):
                tx.delete(Stone, ids[one])

    there = {place: id for place, id in ids.items() if place not in gone}
    records = {record.id: record for model in MANY for record in app.query(select(model))}
    assert records.keys() == set(there.values())
    led = {
        (place, name): getattr(records[id], name) for place, id in there.items() for name in NAMES[place[0]]
    }
    assert {key: to for key, to in led.items() if to is not None} == {
        key: ids[to] for key, to in left.items()
    }
    found = app.get(Wall)
    assert (found.stones, found.pegs) == tuple(sum(place[0] is model for place in there) for model in MANY)
    assert found.leaning == sum(name == "leans_on" for _, name in left)
    assert app.verify() == []
