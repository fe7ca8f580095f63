"""The page about state machines: its listing is the file, and the file does what the page says."""

from datetime import UTC, datetime, timedelta

from sqlmodel import select

from docs.examples.machines import RECORDS, BookReturned, Loan, LoanForgotten, LoanStatus, Reader
from framework.app import App, opened
from framework.clock import ManualClock
from tests.docs.page import DOCS, ROOT, Page

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


def test_the_listing_is_the_file() -> None:
    for path, blocks in Page(DOCS / "machines.md").listings().items():
        assert "".join(block.text for block in blocks) == (ROOT / path).read_text()


def test_a_loan_is_overdue_comes_back_and_is_forgotten() -> None:
    clock = ManualClock(NOON)
    with opened(App([RECORDS], clock=clock)) as app:
        with app.transaction() as tx:
            reader = tx.add(Reader()).id
            late, extended = (
                tx.add(Loan(reader_id=reader, due_at=NOON + WEEK, extended=extended)).id
                for extended in (False, True)
            )
        clock.advance(WEEK)
        app.tick()
        assert [app.get(Loan, id).status for id in (late, extended)] == [LoanStatus.OVERDUE, LoanStatus.OUT]
        assert app.get(Reader, reader).overdue == 1
        (unmatched,) = app.unmatched(Loan, "status")
        assert (unmatched.state, unmatched.trigger) == (LoanStatus.OUT, "Loan.late became True")
        returned = app.dispatch(BookReturned(loan_id=late, desk="north")).event
        assert app.get(Loan, late).returned_at == returned.at
        assert "status 'back' -> 'forgotten'" in str(app.explain_dispatch(LoanForgotten(loan_id=late)))
        app.dispatch(LoanForgotten(loan_id=late))
        assert [loan.id for loan in app.query(select(Loan))] == [extended]
        assert app.verify() == []
