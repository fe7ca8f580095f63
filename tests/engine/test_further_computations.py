"""WeightedSum, Collect, Sequence, Custom, Lookup: absolute expectations, and the oracle beside them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from framework import (
    Collect,
    Custom,
    Entity,
    Field,
    Global,
    Lookup,
    Relationship,
    Sequence,
    WeightedSum,
    computed,
)
from framework.app import App, opened
from framework.plan.mistakes import AllRecordsOnEntity, UnknownRead
from framework.runtime.errors import CannotReserve, InvalidRecord


class Line(Entity, table=True):
    invoice_id: UUID = Field(foreign_key="invoice.id", ondelete="CASCADE")
    price: int | None
    quantity: int = 1
    invoice: "Invoice" = Relationship(back_populates="lines")

    title: str = computed(
        Custom(lambda line: f"{line.invoice.customer}:{line.price}", reads=("invoice.customer", "price"))
    )
    total: int = computed(Lookup(invoice, lambda invoice: invoice.total, missing=0))


class Invoice(Entity, table=True):
    customer: str
    lines: list[Line] = Relationship(back_populates="invoice")

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
    journal: str = computed(
        Custom(lambda invoice: " ".join(str(line.price) for line in invoice.lines), reads=("lines.price",))
    )
    changes: int = computed(
        Custom(
            lambda invoice: len(invoice.lines),
            step=lambda n, before, after: n + (after is not None) - (before is not None),
            reads=("lines",),
        )
    )


class Note(Entity, table=True):
    line_id: UUID | None = Field(default=None, foreign_key="line.id")
    line: Line | None = Relationship()

    price: int = computed(Lookup(line, lambda line: line.price, missing=-1))
    says: str = computed(Custom(lambda note: str(note.line and note.line.price), reads=("line.price",)))


class Books(Global, table=True):
    customers: list[str] = computed(
        Custom(
            lambda books, invoices: sorted({invoice.customer for invoice in invoices}),
            reads=("Invoice.customer",),
            over=Invoice,
        )
    )
    owed: int = computed(
        Custom(
            lambda books, invoices: sum(invoice.total for invoice in invoices),
            step=lambda owed, before, after: (
                owed + (after.total if after else 0) - (before.total if before else 0)
            ),
            reads=("Invoice.total",),
            over=Invoice,
        )
    )
    numbers: list[int] = computed(
        Custom(
            lambda books, invoices: [invoice.number for invoice in invoices],
            reads=("Invoice.number",),
            over=Invoice,
        )
    )


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Line, Invoice, Note, Books]], database=database_url)) as app:
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
        App([[Line, Invoice, Note, Books, Wrong]])


def test_a_custom_value_reads_a_record_through_a_to_one_relation(app: App) -> None:
    id = invoice(app, 4)
    with app.transaction() as tx:
        note = tx.add(Note(line_id=lines_of(app, id)[0].id)).id
        loose = tx.add(Note()).id
    with app.transaction() as tx:
        tx.update(Invoice, id, customer="bob")
        tx.update(lines_of(app, id)[0], price=5)
    assert [line.title for line in lines_of(app, id)] == ["bob:5"]
    assert (app.get(Note, note).says, app.get(Note, loose).says) == ("5", "None")
    with app.transaction() as tx:
        tx.update(Note, note, line_id=None)
    assert app.get(Note, note).says == "None"
    assert app.verify() == []


def test_a_lookup_of_nothing_is_what_stands_for_it(app: App) -> None:
    id = invoice(app, 4, None)
    with app.transaction() as tx:
        notes = [tx.add(Note(line_id=line.id)).id for line in lines_of(app, id)]
        loose = tx.add(Note()).id
    assert [app.get(Note, one).price for one in (*notes, loose)] == [4, -1, -1]
    assert [line.total for line in lines_of(app, id)] == [8, 8]
    assert app.verify() == []


def test_a_custom_value_of_a_global_sees_all_records(app: App) -> None:
    assert (app.get(Books).customers, app.get(Books).owed) == ([], 0)
    id, other = invoice(app, 1, 2), invoice(app, 5, customer="bob")
    assert (app.get(Books).customers, app.get(Books).owed) == (["ada", "bob"], 16)
    with app.transaction() as tx:
        tx.update(Invoice, id, customer="cat")
        tx.delete(Invoice, other)
    assert (app.get(Books).customers, app.get(Books).owed) == (["cat"], 6)
    assert app.verify() == []
    assert "all records of Invoice" in str(app.explain(Books, "owed"))


def test_a_custom_value_sees_records_in_the_order_of_their_making(app: App) -> None:
    with app.transaction() as tx:
        made = tx.add(Invoice(customer="ada")).id
        lines = [Line(invoice_id=made, price=price) for price in (1, 2, 3)]
        for line in reversed(lines):
            tx.add(line)
    assert app.get(Invoice, made).journal == "1 2 3"
    with app.transaction() as tx:
        tx.update(lines[1], price=9)
        tx.add(Line(invoice_id=made, price=4))
        tx.update(lines[0], price=7)
    assert app.get(Invoice, made).journal == "7 9 3 4"
    other = invoice(app, customer="bob")
    with app.transaction() as tx:
        tx.update(Invoice, other, customer="cat")
        tx.add(Invoice(customer="ada"))
        tx.update(Invoice, made, customer="dot")
    assert app.get(Books).numbers == [100, 100, 105]
    assert app.verify() == []


def test_all_records_are_one_value_and_belong_on_a_global() -> None:
    class Wrong(Entity, table=True):
        count: int = computed(Custom(lambda wrong, lines: len(lines), over=Line))

    with pytest.raises(AllRecordsOnEntity, match=r"Wrong.count: Custom over all records of Line"):
        App([[Line, Invoice, Note, Books, Wrong]])


def test_reserved_numbers_are_given_to_no_record(app: App) -> None:
    invoice(app)
    with app.transaction() as tx:
        assert tx.reserve(Invoice, "number", 3, customer="ada") == range(105, 120, 5)
        assert list(tx.reserve(Invoice, "number", 1, customer="bob")) == [100]
    assert app.get(Invoice, invoice(app)).number == 120
    assert app.get(Invoice, invoice(app, customer="bob")).number == 105
    assert app.verify() == []


def test_what_is_reserved_in_a_transaction_that_rolls_back_leaves_no_gap(app: App) -> None:
    with pytest.raises(KeyError), app.transaction() as tx:
        tx.reserve(Invoice, "number", 7, customer="ada")
        raise KeyError
    assert app.get(Invoice, invoice(app)).number == 100


def test_many_records_of_one_transaction_are_numbered_in_their_order(app: App) -> None:
    with app.transaction() as tx:
        made = [tx.add(Invoice(customer=name)).id for name in ("ada", "bob", "ada", "ada")]
    assert [app.get(Invoice, id).number for id in made] == [100, 100, 105, 110]


def test_threads_that_reserve_and_number_share_one_row_of_numbers(app: App) -> None:
    def work(n: int) -> list[int]:
        if n % 2:
            return list(app.engine.write(lambda tx: tx.reserve(Invoice, "number", 3, customer="ada")))
        return [app.get(Invoice, app.engine.write(lambda tx: tx.add(Invoice(customer="ada")).id)).number]

    with ThreadPoolExecutor(8) as pool:
        given = [number for numbers in pool.map(work, range(16)) for number in numbers]
    assert sorted(given) == list(range(100, 100 + 5 * 32, 5))


@pytest.mark.parametrize(
    ("property", "count", "scope", "said"),
    [
        ("customer", 1, {}, r"1 numbers of Invoice.customer cannot be reserved: it is no Sequence"),
        ("number", 1, {}, r"its scope is made of customer=\.\.\.\. Give that"),
        ("number", 1, {"customer": "ada", "id": 1}, r"its scope is made of customer="),
    ],
)
def test_what_cannot_be_reserved_is_refused(
    app: App, property: str, count: int, scope: dict[str, Any], said: str
) -> None:
    with pytest.raises(CannotReserve, match=said), app.transaction() as tx:
        tx.reserve(Invoice, property, count, **scope)


def test_a_scope_is_validated_like_a_record(app: App) -> None:
    with pytest.raises(InvalidRecord, match="customer"), app.transaction() as tx:
        tx.reserve(Invoice, "number", 1, customer=3)
