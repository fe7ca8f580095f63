"""Aggregates of one row may rest on facts and on computed properties, whatever their order."""

import pytest
from sqlmodel import select

from framework import Count, Entity, Field, Formula, Global, Sum, computed
from framework.app import App, opened


class Parcel(Entity, table=True):
    grams: int = Field(ge=0)
    heavy: bool = computed(Formula(lambda p: p.grams > 1000))


class Depot(Global, table=True):
    """The first property follows later than the last, for it reads what is itself computed."""

    heavy: int = computed(Count(Parcel, lambda p: p.heavy))
    grams: int = computed(Sum(Parcel, lambda p: p.grams))


class DepotTheOtherWayRound(Global, table=True):
    grams: int = computed(Sum(Parcel, lambda p: p.grams))
    heavy: int = computed(Count(Parcel, lambda p: p.heavy))


@pytest.mark.parametrize("depot", [Depot, DepotTheOtherWayRound])
def test_one_record_moves_aggregates_of_different_heights(database_url: str, depot: type[Depot]) -> None:
    with opened(App([[Parcel, depot]], database=database_url)) as app:
        for grams in (500, 1500, 2500):
            with app.transaction() as tx:
                tx.add(Parcel(grams=grams))
        assert (app.get(depot).heavy, app.get(depot).grams) == (2, 4500)
        with app.transaction() as tx:
            tx.update(app.query(select(Parcel).where(Parcel.grams == 500))[0], grams=5000)
        assert (app.get(depot).heavy, app.get(depot).grams) == (3, 9000)
        assert app.verify() == []
