"""What many rows contribute together is what each contributes by its callbacks, however it is counted."""

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework import Average, Count, Entity, Every, Field, Relationship, Some, Sum, computed
from framework.computations.aggregate import InexactContribution
from framework.plan.node import AdditiveNode
from framework.plan.plan import compile_plan
from framework.plan.view import view_of

Money = Annotated[Decimal, Field(decimal_places=2)]


class Bottle(Entity, table=True):
    crate_id: UUID = Field(foreign_key="crate.id")
    litres: int | None = None
    is_full: bool | None = None
    price: Money | None = None

    @property
    def doubled(self) -> int:
        return 2 * (self.litres or 0)


class Crate(Entity, table=True):
    bottles: list[Bottle] = Relationship()

    count: int = computed(Count(bottles))
    full_count: int = computed(Count(bottles, lambda bottle: bottle.is_full))
    litres: int = computed(Sum(bottles, lambda bottle: bottle.litres))
    litres_or_one: int = computed(Sum(bottles, lambda bottle: bottle.litres, missing=1))
    doubled: int = computed(Sum(bottles, lambda bottle: bottle.doubled))
    mean: float | None = computed(Average(bottles, lambda bottle: bottle.litres))
    mean_or_one: float | None = computed(Average(bottles, lambda bottle: bottle.litres, missing=1))
    all_full: bool = computed(Every(bottles, lambda bottle: bottle.is_full))
    any_full: bool = computed(Some(bottles, lambda bottle: bottle.is_full))
    price: Money = computed(Sum(bottles, lambda bottle: bottle.price))


PLAN = compile_plan([[Crate, Bottle]])
(NODE,) = (node for node in PLAN.nodes if isinstance(node, AdditiveNode))
ROWS = st.fixed_dictionaries(
    {
        "litres": st.none() | st.integers(-9, 9),
        "is_full": st.none() | st.booleans(),
        "price": st.none() | st.decimals(0, 9, places=2),
    }
)


@given(st.lists(ROWS, min_size=1, max_size=6))
def test_rows_contribute_together_what_their_callbacks_say_of_each(rows: list[dict[str, Any]]) -> None:
    by_callbacks = [
        [
            amount
            for member in NODE.members
            for amount in member.computation.contribution(view_of(NODE.route.source.view, row))
        ]
        for row in rows
    ]
    assert [list(NODE.tally.of(row)) for row in rows] == by_callbacks
    assert list(NODE.tally.of_all(rows)) == [sum(column) for column in zip(*by_callbacks, strict=True)]


def test_rows_contribute_what_anybody_can_add_up() -> None:
    rows = [
        {"litres": 3, "is_full": True, "price": Decimal("1.25")},
        {"litres": None, "is_full": None, "price": None},
    ]
    states = [state for member in NODE.members for state in member.states]
    assert dict(zip(states, NODE.tally.of_all(rows), strict=True)) == {
        "count": 2,
        "full_count": 1,
        "litres": 3,
        "litres_or_one": 4,
        "doubled": 6,
        "_mean_sum": 3,
        "_mean_count": 1,
        "_mean_or_one_sum": 4,
        "_mean_or_one_count": 2,
        "_all_full_misses": 1,
        "_all_full_count": 2,
        "_any_full_hits": 1,
        "_price_sum": 125,
    }


@pytest.mark.parametrize("wrong", [1.5, Decimal("1.5"), "1"])
def test_a_number_that_could_drift_is_refused_among_many(wrong: Any) -> None:
    rows = [{"litres": 1, "is_full": True, "price": None}, {"litres": wrong, "is_full": True, "price": None}]
    with pytest.raises(InexactContribution, match="Sum was given"):
        NODE.tally.of_all(rows)
