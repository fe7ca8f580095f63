"""What a link carries of its far end follows the property that it is carried for."""

from contextlib import closing
from typing import Any
from uuid import UUID

import pytest

from framework import Count, Entity, Field, Max, Relationship, Sum, computed
from framework.app import App, opened


def guests(times: int = 1) -> list[Any]:
    """Friends whose points are added up, so many times each; 0: nobody adds them up."""

    class Bond(Entity, table=True):
        one_id: UUID = Field(foreign_key="guest.id")
        other_id: UUID = Field(foreign_key="guest.id")

    class Guest(Entity, table=True):
        points: int
        friends: list["Guest"] = Relationship(link_model=Bond, symmetric=True)

        known: int = computed(Count(friends))
        if times:
            total: int = computed(Sum(friends, lambda guest: guest.points * times))
            most: int | None = computed(Max(friends, lambda guest: guest.points * times))
            many: int = computed(Count(friends, where=lambda guest: guest.points * times > 10))

    return [Bond, Guest]


@pytest.mark.parametrize(("first", "then"), [(1, 3), (0, 3)])
def test_a_property_over_links_comes_or_is_computed_otherwise(
    database_url: str, first: int, then: int
) -> None:
    bond, guest = before = guests(first)
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        ada, *others = [tx.add(guest(points=points)).id for points in (1, 2, 5)]
        for other in others:
            tx.add(bond(one_id=ada, other_id=other))
    _, guest = now = guests(then)
    with closing(App([now], database=database_url)) as app:
        assert app.migrate() == []
        found = app.get(guest, ada)
        assert (found.total, found.most, found.many) == (21, 15, 1)
