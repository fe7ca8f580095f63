"""What the page about views shows."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from framework import (
    Count,
    Entity,
    Event,
    Field,
    Global,
    Latest,
    Lookup,
    Relationship,
    StateMachine,
    Sum,
    Transition,
    computed,
    derive,
    entered,
    left,
    merged,
    on,
    subset,
)


class Status(StrEnum):
    PLACED = "placed"
    PAID = "paid"
    REFUNDED = "refunded"


class Mood(StrEnum):
    QUIET = "quiet"
    GLAD = "glad"


class OrderPaid(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id")


class OrderRefunded(Event, table=True):
    order_id: UUID = Field(foreign_key="order.id")


class Order(Entity, table=True):
    customer_id: UUID | None = Field(default=None, foreign_key="customer.id")
    cents: int

    status: Status = computed(
        StateMachine(
            Status.PLACED,
            Transition(Status.PLACED, Status.PAID, when=on(OrderPaid)),
            Transition(Status.PAID, Status.REFUNDED, when=on(OrderRefunded)),
        )
    )


class PaidOrder(Order, where=lambda order: order.status is Status.PAID):
    """An order that is paid."""

    @property
    def euros(self) -> str:
        return f"{self.cents / 100:.2f}"


class BigPaidOrder(PaidOrder, where=lambda order: order.cents > 10_000):
    """A paid order of more than a hundred euros."""


class Customer(Entity, table=True):
    orders: list[Order] = Relationship()
    paid: list[PaidOrder] = subset(orders, PaidOrder)
    small: list[PaidOrder] = subset(paid, lambda order: order.cents < 500)

    spent: int = computed(Sum(paid, lambda order: order.cents))
    small_count: int = computed(Count(small))
    mood: Mood = computed(
        StateMachine(
            Mood.QUIET,
            Transition(Mood.QUIET, Mood.GLAD, when=entered(paid)),
            Transition(Mood.GLAD, Mood.QUIET, when=left(paid)),
        )
    )


class Receipt(Entity, table=True):
    order_id: UUID = Field(foreign_key="order.id")
    text: str


class Party(Entity):
    """Whoever can owe something."""

    kind: ClassVar[str]

    name: str
    debt: int = 0
    household_id: UUID | None = Field(default=None, foreign_key="household.id")


class Person(Party, table=True):
    kind: ClassVar[str] = "person"


class Company(Party, table=True):
    kind: ClassVar[str] = "company"


class Debtor(Party, where=lambda party: party.debt > 0):
    """A party that owes something."""


class Household(Entity, table=True):
    persons: list[Person] = Relationship()
    companies: list[Company] = Relationship()
    parties: list[Party] = merged(persons, companies)

    debt: int = computed(Sum(parties, lambda party: party.debt))
    newest: str | None = computed(Latest(parties, lambda party: f"{party.kind} {party.name}"))


class Tone(StrEnum):
    KIND = "kind"
    STERN = "stern"


class Letter(Entity, table=True):
    """A letter to somebody, or to the company if nobody is named."""

    person_id: UUID | None = Field(default=None, foreign_key="person.id")
    company_id: UUID | None = Field(default=None, foreign_key="company.id")
    person: Person = Relationship()
    company: Company = Relationship()
    reader: Party | None = merged(person, company)
    debtor: Debtor | None = subset(reader, Debtor)

    name: str = computed(Lookup(reader, lambda party: party.name, missing="nobody"))
    reminds: bool = computed(Lookup(debtor, lambda party: True, missing=False))
    tone: Tone = computed(
        StateMachine(
            Tone.KIND,
            Transition(Tone.KIND, Tone.STERN, when=entered(debtor)),
            Transition(Tone.STERN, Tone.KIND, when=left(debtor)),
        )
    )


class Totals(Global, table=True):
    paid: int = computed(Count(PaidOrder))
    cents: int = computed(Sum(PaidOrder, lambda order: order.cents))
    debts: int = computed(Sum(Debtor, lambda party: party.debt))


@derive
def receipt(order: PaidOrder) -> Receipt:
    """A paid order has a receipt, for as long as it is paid."""
    return Receipt(order_id=order.id, text=order.euros)
