"""WeightedSum, Collect, Sequence and Custom: absolute expectations, and the oracle beside them."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from framework import Collect, Custom, Entity, Field, Relationship, Sequence, WeightedSum, computed
from framework.app import App, opened
from framework.plan.mistakes import UnknownRead


class Line(Entity, table=True):
    invoice_id: UUID = Field(foreign_key="invoice.id", ondelete="CASCADE")
    price: int | None
    quantity: int = 1


class Invoice(Entity, table=True):
    customer: str
    lines: list[Line] = Relationship()

    number: int = computed(Sequence(per=("customer",), start=100, step=5))
    total: int = computed(WeightedSum(lines, lambda line: line.price, lambda line: line.quantity))
    last_prices: list[int] = computed(Collect(lines, lambda line: line.price, limit=2))
    spread: int = computed(
        Custom(
            lambda invoice: (
                max((line.price or 0 for line in invoice.lines), default=0)
                - min((line.price or 0 for line in invoice.lines), default=0)
            ),
            reads=("lines.price",),
        )
    )
    changes: int = computed(
        Custom(
            lambda invoice: len(invoice.lines),
            step=lambda n, before, after: n + (after is not None) - (before is not None),
            reads=("lines",),
        )
    )


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Line, Invoice]], database=database_url)) as app:
        yield app


def invoice(app: App, *prices: int | None, customer: str = "ada") -> UUID:
    with app.transaction() as tx:
        made = tx.add(Invoice(customer=customer))
        for price in prices:
            tx.add(Line(invoice_id=made.id, price=price, quantity=2))
    return made.id


def lines_of(app: App, id: UUID) -> list[Line]:
    from sqlmodel import select

    return app.query(select(Line).where(Line.invoice_id == id).order_by(Line.id))


def test_a_weighted_sum_skips_what_is_missing(app: App) -> None:
    id = invoice(app, 10, None, 5)
    assert app.get(Invoice, id).total == 30
    with app.transaction() as tx:
        tx.update(lines_of(app, id)[0], quantity=10)
    assert app.get(Invoice, id).total == 110
    assert app.verify() == []


def test_a_collection_holds_the_newest_and_refills_when_one_leaves(app: App) -> None:
    id = invoice(app, 1, 2, None, 3)
    assert app.get(Invoice, id).last_prices == [3, 2]
    with app.transaction() as tx:
        tx.delete(lines_of(app, id)[3])
    assert app.get(Invoice, id).last_prices == [2, 1]
    with app.transaction() as tx:
        for line in lines_of(app, id):
            tx.delete(line)
    assert app.get(Invoice, id).last_prices == []
    assert app.verify() == []


def test_moving_a_line_changes_both_invoices(app: App) -> None:
    one, other = invoice(app, 1, 2), invoice(app, 7)
    with app.transaction() as tx:
        tx.update(lines_of(app, one)[1], invoice_id=other)
    assert (app.get(Invoice, one).last_prices, app.get(Invoice, one).spread) == ([1], 0)
    assert (app.get(Invoice, other).total, app.get(Invoice, other).spread) == (18, 5)
    assert app.verify() == []


def test_numbers_run_without_gaps_in_each_scope_even_over_rollbacks(app: App) -> None:
    first, second = invoice(app), invoice(app)
    with pytest.raises(KeyError), app.transaction() as tx:
        tx.add(Invoice(customer="ada"))
        raise KeyError
    third, other = invoice(app), invoice(app, customer="bob")
    numbers = [app.get(Invoice, id).number for id in (first, second, third, other)]
    assert numbers == [100, 105, 110, 100]
    assert app.verify() == []


def test_a_number_stays_when_the_scope_of_its_record_changes(app: App) -> None:
    id = invoice(app)
    with app.transaction() as tx:
        tx.update(Invoice, id, customer="bob")
    assert app.get(Invoice, id).number == 100


def test_a_step_moves_a_custom_value_without_reading_the_others(app: App) -> None:
    id = invoice(app, 1, 2)
    with app.transaction() as tx:
        tx.add(Line(invoice_id=id, price=3))
    assert app.get(Invoice, id).changes == 3
    assert app.get(Invoice, id).spread == 2
    with app.transaction() as tx:
        tx.delete(lines_of(app, id)[0])
    assert app.get(Invoice, id).changes == 2
    assert app.verify() == []


def test_a_misspelt_read_of_a_related_record_is_a_mistake() -> None:
    class Wrong(Entity, table=True):
        lines: list[Line] = Relationship(
            sa_relationship_kwargs={"primaryjoin": "Wrong.id == foreign(Line.invoice_id)", "viewonly": True}
        )
        worst: int = computed(Custom(lambda wrong: len(wrong.lines), reads=("lines.prize",)))

    with pytest.raises(UnknownRead, match=r"Wrong.worst reads 'prize', but Line has no such field"):
        App([[Line, Invoice, Wrong]])
