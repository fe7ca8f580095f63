"""What belongs to a view is found anew when its condition changes."""

from collections.abc import Callable

from framework import Count, Entity, Global, computed
from framework.app import App


def shop(where: Callable[[object], object] | None) -> list[type]:
    class Order(Entity, table=True):
        cents: int = 0

    if where is None:
        return [Order]

    class Big(Order, where=where):
        pass

    class Totals(Global, table=True):
        big: int = computed(Count(Big))

    return [Order, Big, Totals]


def test_a_view_comes_and_changes(database_url: str) -> None:
    before = shop(None)
    app = App([before], database=database_url)
    app.create()
    with app.transaction() as tx:
        for cents in (1, 10, 100):
            tx.add(before[0](cents=cents))
    app.close()
    for least, expected in ((5, 2), (50, 1)):
        declared = shop(lambda order: order.cents > least)  # type: ignore[attr-defined]  # noqa: B023
        app = App([declared], database=database_url)
        app.migrate()
        assert len(app.members(declared[1])) == expected
        assert app.get(declared[2]).big == expected
        assert app.verify() == []
        app.close()
