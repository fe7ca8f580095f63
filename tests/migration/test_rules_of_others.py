"""A rule is another when it is given other records, though its function says the same."""

from contextlib import closing
from typing import Any

import pytest
from sqlmodel import select

from framework import Entity, Global, derive
from framework.app import App, opened


def notices(source: str = "Order", limits: str = "Low") -> list[Any]:
    """A rule from orders, or from those that are open, above a limit of one kind or another."""

    class Order(Entity, table=True):
        cents: int = 0
        open: bool = False

    class Open(Order, where=lambda order: order.open):
        pass

    class Low(Global, table=True):
        cents: int = 10

    class High(Global, table=True):
        cents: int = 50

    class Notice(Entity, table=True):
        cents: int

    def notice(order: Order, limit: Low) -> Notice | None:
        return Notice(cents=order.cents) if order.cents > limit.cents else None

    given = {"order": {"Order": Order, "Open": Open}[source], "limit": {"Low": Low, "High": High}[limits]}
    notice.__annotations__ = {**given, "return": Notice | None}
    return [Order, Open, Low, High, Notice, derive(notice)]


@pytest.mark.parametrize(
    ("others", "expected"),
    [({"source": "Open"}, [20, 70]), ({"limits": "High"}, [60, 70])],
)
def test_a_rule_is_given_others_and_those_of_before_again(
    database_url: str, others: dict[str, str], expected: list[int]
) -> None:
    order, *_ = before = notices()
    with opened(App([before], database=database_url)) as app, app.transaction() as tx:
        for cents, is_open in ((5, True), (20, True), (60, False), (70, True)):
            tx.add(order(cents=cents, open=is_open))
    for declared, amounts in ((notices(**others), expected), (notices(), [20, 60, 70])):
        with closing(App([declared], database=database_url)) as app:
            assert "is another: Notice are brought to what it says now" in str(app.migration())
            assert app.migrate() == []
            assert sorted(one.cents for one in app.query(select(declared[4]))) == amounts
