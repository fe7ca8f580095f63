"""A transaction leaves no circles behind: what it made goes when it ends, without the collector."""

import gc
from uuid import UUID

from framework import Count, Entity, Event, Field, Relationship, computed, derive
from framework.app import App, opened


class Cut(Event, table=True):
    bag_id: UUID = Field(foreign_key="bag.id")


class Piece(Entity, table=True):
    bag_id: UUID = Field(foreign_key="bag.id")


class Bag(Entity, table=True):
    pieces: list[Piece] = Relationship()
    count: int = computed(Count(pieces))


@derive
def piece(cut: Cut) -> Piece:
    return Piece(bag_id=cut.bag_id)


def test_a_hundred_transactions_leave_nothing_to_collect(database_url: str) -> None:
    with opened(App([[Cut, Piece, Bag, piece]], database=database_url)) as app:
        with app.transaction() as tx:
            bag = tx.add(Bag())

        def work() -> None:
            for _ in range(100):
                with app.transaction() as tx:
                    added = tx.add(Piece(bag_id=bag.id))
                with app.transaction() as tx:
                    tx.delete(added)
                app.dispatch(Cut(bag_id=bag.id))

        work()
        while gc.collect():  # what other tests left may take more than one look
            pass
        gc.disable()
        try:
            work()
            assert gc.collect() < 100
        finally:
            gc.enable()
