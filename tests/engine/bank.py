"""A bank: who may do what, who may see what, and machines moved by what a relation or a class has become."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, exists
from sqlmodel import col

from framework import (
    Admission,
    APICall,
    Collect,
    Count,
    Entity,
    Event,
    Field,
    Formula,
    Global,
    Max,
    OnEntry,
    Payload,
    Reader,
    Relationship,
    Sequence,
    StateMachine,
    Sum,
    Transition,
    Unique,
    became,
    changed,
    completed,
    computed,
    condition,
    derive,
    guard,
    left,
    on,
    policy,
)

LIMIT = 9
"""So much leaves an account in all."""


class Standing(StrEnum):
    GOOD = "good"
    OVERDRAWN = "overdrawn"


class Role(StrEnum):
    NONE = "none"
    PAYEE = "payee"
    PAYER = "payer"


class Credit(StrEnum):
    NONE = "none"
    GIVEN = "given"


class Contract(StrEnum):
    SIGNED = "signed"
    REVISED = "revised"


class Mood(StrEnum):
    CALM = "calm"
    ALERT = "alert"
    AWAY = "away"


class Terms(Payload):
    rate: int
    notes: list[str] = []


class Demand(Payload):
    cents: int


class Transferred(Event, table=True):
    source_id: UUID | None = Field(foreign_key="account.id", ondelete="SET NULL")
    target_id: UUID | None = Field(foreign_key="account.id", ondelete="SET NULL")
    cents: int = Field(gt=0)


class Holiday(Event, table=True):
    name: str


class Booking(Entity, table=True):
    account_id: UUID = Field(foreign_key="account.id", ondelete="CASCADE")
    cents: int


class Loan(Entity, table=True):
    account_id: UUID = Field(foreign_key="account.id", ondelete="CASCADE")
    granted: bool = False


class Letter(APICall, table=True):
    account_id: UUID = Field(foreign_key="account.id", ondelete="CASCADE")
    request: Demand


class Account(Entity, table=True):
    __table_args__ = (
        Unique("branch_id", "label", code="label_taken", where=lambda account: account.frozen.is_(False)),
    )

    branch_id: UUID = Field(foreign_key="branch.id")
    owner: str
    label: str
    frozen: bool = False
    secret: int = 0
    terms: Terms | None = None
    tags: list[str] = []
    bookings: list[Booking] = Relationship()
    loans: list[Loan] = Relationship()

    number: int = computed(Sequence(per=("branch_id",), start=10, step=3))
    balance: int = computed(Sum(bookings, lambda booking: booking.cents))
    is_overdrawn: bool = computed(Formula(lambda account: account.balance < 0))
    rate: int | None = computed(Formula(lambda account: account.terms.rate if account.terms else None))
    tagged: str = computed(Formula(lambda account: "+".join(sorted(account.tags))))
    standing: Standing = computed(
        StateMachine(
            Standing.GOOD,
            Transition(Standing.GOOD, Standing.OVERDRAWN, when=became(is_overdrawn, True)),
            Transition(Standing.OVERDRAWN, Standing.GOOD, when=became(is_overdrawn, False)),
        )
    )
    role: Role = computed(
        StateMachine(
            Role.NONE,
            Transition(Role.NONE, Role.PAYEE, when=on(Transferred, to="target_id")),
            Transition(Role.PAYEE, Role.PAYER, when=on(Transferred, to="source_id")),
            Transition(Role.PAYER, Role.PAYEE, when=on(Transferred, to="target_id")),
        )
    )
    last_received: int | None = computed(OnEntry(role, Role.PAYEE, lambda account, cause: cause.cents))
    credit: Credit = computed(
        StateMachine(
            Credit.NONE,
            Transition(Credit.NONE, Credit.GIVEN, when=became(loans, "granted", True)),
            Transition(Credit.GIVEN, Credit.NONE, when=became(loans, "granted", False)),
        )
    )
    contract: Contract = computed(
        StateMachine(Contract.SIGNED, Transition(Contract.SIGNED, Contract.REVISED, when=changed("terms")))
    )


class Frozen(Account, where=lambda account: account.frozen):
    pass


class Overdrawn(Account, where=lambda account: account.is_overdrawn):
    pass


class Branch(Entity, table=True):
    name: str = Field(unique=True)
    accounts: list[Account] = Relationship()

    count: int = computed(Count(accounts))
    total: int = computed(Sum(accounts, lambda account: account.balance))
    best_rate: int | None = computed(
        Max(accounts, lambda account: account.terms.rate if account.terms else None)
    )
    tags: list[list[str]] = computed(Collect(accounts, lambda account: account.tags or None, limit=2))
    by_owner: dict[str, int] = computed(
        Sum(accounts, lambda account: account.balance, by=lambda account: account.owner)
    )
    by_note: dict[str, int] = computed(
        Count(
            accounts,
            by=lambda account: account.terms.notes[0] if account.terms and account.terms.notes else None,
        )
    )


class House(Global, table=True):
    frozen: int = computed(Count(Frozen))
    moved: int = computed(Sum(Transferred, lambda transferred: transferred.cents))
    mood: Mood = computed(
        StateMachine(
            Mood.CALM,
            Transition(Mood.CALM, Mood.ALERT, when=became(Account, "frozen", True)),
            Transition(Mood.ALERT, Mood.CALM, when=left(Frozen)),
            Transition(Mood.ALERT, Mood.AWAY, when=on(Holiday)),
            Transition(Mood.CALM, Mood.AWAY, when=on(Holiday)),
            Transition(Mood.AWAY, Mood.CALM, when=completed(Letter)),
        )
    )


@derive
def bookings(transferred: Transferred) -> list[Booking]:
    """What leaves one account comes to the other."""
    both = ((transferred.source_id, -transferred.cents), (transferred.target_id, transferred.cents))
    return [Booking(account_id=id, cents=cents) for id, cents in both if id is not None]


@derive(reads=[Account.standing])
def letter(account: Account) -> Letter | None:
    """Who is overdrawn for the first time is written to."""
    if account.standing is Standing.GOOD:
        return None
    return Letter(account_id=account.id, request=Demand(cents=1))


@condition
def owner(event: Transferred, admission: Admission) -> bool:
    return event.source_id is not None and admission.get(Account, event.source_id).owner == admission.actor


@condition
def staff(event: Transferred, admission: Admission) -> bool:
    return admission.actor == "staff"


@condition
def frozen(event: Transferred, admission: Admission) -> bool:
    return event.source_id is not None and admission.get(Account, event.source_id).frozen


@guard(Transferred)
def within_limit(event: Transferred, admission: Admission) -> bool:
    if event.source_id is None:
        return True
    sent = admission.find(Transferred, source_id=event.source_id)
    return sum(one.cents for one in sent) + event.cents <= LIMIT


@guard(Transferred, code="no_pin")
def signed(event: Transferred, admission: Admission) -> bool:
    return event.cents < 4 or admission.context.get("pin") == "1234"


@policy(Account, hides=lambda reader: () if reader.actor == "staff" else ("secret",))
def own_accounts(reader: Reader) -> ColumnElement[bool] | bool:
    return reader.actor == "staff" or col(Account.owner) == reader.actor


@policy(Booking)
def own_bookings(reader: Reader) -> ColumnElement[bool] | bool:
    if reader.context.get("audit"):
        return True
    return exists().where(col(Account.id) == Booking.account_id, col(Account.owner) == reader.actor)


RECORDS = [Branch, Account, Loan, Transferred, Holiday, Booking, Letter, House]
ADMISSIONS = [guard(Transferred, code="not_yours")((owner | staff) & ~frozen), within_limit, signed]
MODULE = [*RECORDS, Frozen, Overdrawn, bookings, letter, *ADMISSIONS, own_accounts, own_bookings]
