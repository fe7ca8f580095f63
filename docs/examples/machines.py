"""A loan of a library: due in time, returned by its reader, and forgotten in the end."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from framework import (
    Count,
    Deadline,
    Entity,
    Event,
    Field,
    OnEntry,
    Relationship,
    StateMachine,
    Transition,
    became,
    computed,
    on,
)


class LoanStatus(StrEnum):
    OUT = "out"
    OVERDUE = "overdue"
    BACK = "back"
    FORGOTTEN = "forgotten"


class BookReturned(Event, table=True):
    loan_id: UUID = Field(foreign_key="loan.id", ondelete="CASCADE")
    desk: str


class LoanForgotten(Event, table=True):
    loan_id: UUID | None = Field(foreign_key="loan.id", ondelete="SET NULL")


class Loan(Entity, table=True):
    reader_id: UUID = Field(foreign_key="reader.id")
    due_at: datetime
    extended: bool = False

    late: bool = computed(Deadline(lambda loan: loan.due_at, before=False, after=True))
    status: LoanStatus = computed(
        StateMachine(
            LoanStatus.OUT,
            Transition(
                LoanStatus.OUT,
                LoanStatus.OVERDUE,
                when=became(late, True),
                guard=lambda loan: not loan.extended,
            ),
            Transition((LoanStatus.OUT, LoanStatus.OVERDUE), LoanStatus.BACK, when=on(BookReturned)),
            Transition(LoanStatus.BACK, LoanStatus.FORGOTTEN, when=on(LoanForgotten, to="loan_id")),
            erases=LoanStatus.FORGOTTEN,
        )
    )
    returned_at: datetime | None = computed(
        OnEntry(status, LoanStatus.BACK, lambda loan, returned: returned.at)
    )


class Reader(Entity, table=True):
    loans: list[Loan] = Relationship()

    overdue: int = computed(Count(loans, lambda loan: loan.status == LoanStatus.OVERDUE))


RECORDS = [BookReturned, LoanForgotten, Loan, Reader]
