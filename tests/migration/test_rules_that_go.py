"""What a rule kept equal goes with the rule, and takes along what follows it, however much that is."""

from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Entity, Field, derive
from framework.app import App, opened
from framework.migration.errors import MigrationRefused


class Cord(Entity, table=True):
    name: str = ""


class Knot(Entity, table=True):
    cord_id: UUID = Field(foreign_key="cord.id")


class Bead(Entity, table=True):
    """It hangs on a knot, or on the bead before it."""

    knot_id: UUID | None = Field(default=None, foreign_key="knot.id", ondelete="CASCADE")
    after_id: UUID | None = Field(default=None, foreign_key="bead.id", ondelete="CASCADE")


class Note(Entity, table=True):
    bead_id: UUID | None = Field(default=None, foreign_key="bead.id", ondelete="SET NULL")


class Seal(Entity, table=True):
    bead_id: UUID = Field(foreign_key="bead.id")


@derive
def knot(cord: Cord) -> Knot:
    return Knot(cord_id=cord.id)


RECORDS: list[Any] = [Cord, Knot, Bead, Note, Seal]


@pytest.fixture
def last(database_url: str) -> UUID:
    """The last of 1000 beads on one knot, in a ring at its beginning."""
    with opened(App([[*RECORDS, knot]], database=database_url)) as app:
        with app.transaction() as tx:
            tx.add(Cord())
        (made,) = app.query(select(Knot))
        beads = [Bead(knot_id=made.id), Bead()]
        beads[0].after_id, beads[1].after_id = beads[1].id, beads[0].id
        for _ in range(998):
            beads.append(Bead(after_id=beads[-1].id))
        with app.transaction() as tx:
            tx.add_all(beads)
            tx.add(Note(bead_id=beads[-1].id))
            tx.add(Note(bead_id=beads[1].id))
    return beads[-1].id


def test_a_chain_goes_with_what_its_first_hangs_on(database_url: str, last: UUID) -> None:
    app = App([RECORDS], database=database_url)
    assert app.migrate(allow_loss=True) == []
    assert (app.query(select(Knot)), app.query(select(Bead))) == ([], [])
    assert [note.bead_id for note in app.query(select(Note))] == [None, None]
    assert app.verify() == []
    app.close()


def test_what_somebody_keeps_keeps_all_of_it(database_url: str, last: UUID) -> None:
    with opened(App([[*RECORDS, knot]], database=database_url)) as app, app.transaction() as tx:
        tx.add(Seal(bead_id=last))
    app = App([RECORDS], database=database_url)
    with pytest.raises(MigrationRefused, match="1 Seal refer by bead_id to a Bead that would go"):
        app.migrate(allow_loss=True)
    app.close()
