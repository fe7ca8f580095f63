"""What customers ask of the processes at random, and what an operator sees to."""

import json
import threading
import time
import urllib.request
from asyncio import run
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from framework.errors import MillraceError, StorageError
from framework.integration.requests import CannotBeCanceled
from framework.integration.workshop import NotDead
from framework.tenancy import UnknownTenant, within
from tests.many.conftest import PATIENCE, Town
from tests.many.post import Flashed, LetterWritten, Pinned, Sheet
from tests.many.shop import Charge, Offer, OrderPlaced, Parcel, Shipment, now
from tests.many.vendor import Mood, News

T = TypeVar("T")

Placed: TypeAlias = tuple[str, Mood, News | None]

CUSTOMERS = ("ada", "bob")
GUEST = "guest"

customers = st.sampled_from(CUSTOMERS)
picks = st.integers(0, 9)
patient = st.sampled_from([mood for mood in Mood if mood is not Mood.NEVER])
some = st.lists(st.tuples(customers, patient, st.sampled_from([None, *News])), min_size=1, max_size=5)


class Customers(RuleBasedStateMachine):
    """What is asked. An order is known by its number, which are its cents, and so is a note. Each customer
    is a tenant, or none is.
    """

    town: Town
    tenanted = False

    def __init__(self) -> None:
        super().__init__()
        self.webs: list[tuple[Any, int]] = []
        self.orders: list[Placed] = []
        self.withdrawn = set[int]()
        self.letters = list[str]()
        self.replayed = set[UUID]()
        self.notes: list[str] = []
        self.mended_at = 0.0
        self.parcels = self.offers = self.guests = 0

    @rule(orders=some)
    def orders_come_here(self, orders: list[Placed]) -> None:
        for number, order in self.numbered(orders):
            self.place(number, order)

    @rule(orders=some, customer=customers)
    def orders_come_at_once(self, orders: list[Placed], customer: str) -> None:
        numbered = self.numbered([(customer, mood, news) for _, mood, news in orders])

        def place() -> None:
            first = select(OrderPlaced.id).where(col(OrderPlaced.cents) == numbered[0][0])
            if not self.town.app.query(first):
                with self.town.app.transaction() as tx:
                    for number, order in numbered:
                        tx.dispatch(OrderPlaced(**facts(number, order)))

        self.insist(place, customer)

    @precondition(lambda self: self.webs)
    @rule(orders=some, web=picks)
    def orders_come_to_a_web_process(self, orders: list[Placed], web: int) -> None:
        numbered = self.numbered(orders)
        _, port = self.webs[web % len(self.webs)]
        said = [(str(number), self.whose(order[0]), facts(number, order)) for number, order in numbered]
        url = f"http://127.0.0.1:{port}/orders"
        request = urllib.request.Request(url, json.dumps(said).encode(), method="POST")
        with suppress(OSError):
            urllib.request.urlopen(request, timeout=PATIENCE).close()
            return
        for number, order in numbered:  # who heard nothing says it again, under the same key
            self.place(number, order)

    @rule(order=st.tuples(customers, patient, st.none()), after=st.integers(0, 2))
    def an_order_is_withdrawn(self, order: Placed, after: int) -> None:
        """If its charge has not been sent, it never will be; and if it has, it comes to its end."""
        ((number, _),) = self.numbered([order])
        self.place(number, order)
        self.more_begin(after)

        def withdraw() -> None:
            (charge,) = (one for one in app.query(select(Charge)) if one.request.cents == number)
            with suppress(CannotBeCanceled):  # too late, or done already and nobody heard of it
                run(app.cancel(charge))
                self.withdrawn.add(number)

        app = self.town.app
        self.insist(withdraw, order[0])

    @rule(which=picks, customer=customers)
    def somebody_asks_about_a_shipment(self, which: int, customer: str) -> None:
        """What the carrier says then counts as if a worker had looked."""
        app = self.town.app
        with suppress(MillraceError), within(self.whose(customer)):  # it may not have been sent yet
            shipments = app.query(select(Shipment).order_by(col(Shipment.id).desc()).limit(10))
            for shipment in shipments[which:][:1]:
                run(app.ask(Shipment, "query", shipment.id))

    @rule(letters=st.lists(st.tuples(customers, st.sampled_from(Mood)), min_size=1, max_size=5))
    def letters_are_written(self, letters: list[tuple[str, Mood]]) -> None:
        for customer, mood in letters:
            key = f"letter {len(self.letters)}"
            self.letters.append(customer)
            self.insist(partial(self.write, mood, key), customer)

    def write(self, mood: Mood, key: str) -> None:
        self.town.app.dispatch(LetterWritten(to="", mood=mood), key=key)

    @rule(which=picks, customer=customers)
    def dead_letters_are_sent_again(self, which: int, customer: str) -> None:
        """Two operators do so at once."""
        dead = self.asked(self.town.app.dead_calls, customer)
        for letter in dead[which % (len(dead) or 1) :][:2]:
            threads = [threading.Thread(target=self.replay, args=(letter.id, customer)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.replayed.add(letter.id)

    @precondition(lambda self: self.tenanted)
    @rule(moods=st.lists(st.sampled_from(Mood), min_size=1, max_size=5), after=st.integers(0, 3))
    def a_guest_comes_and_goes(self, moods: list[Mood], after: int) -> None:
        """A tenant, with whatever is under way then; the others notice nothing of it."""
        app = self.town.app
        self.insist(lambda: app.create_tenant(GUEST), GUEST)
        for mood in moods:
            self.guests += 1
            self.insist(partial(self.write, mood, f"letter {self.guests}"), GUEST)
        self.more_begin(after)
        with suppress(UnknownTenant):  # it is gone, and nobody heard of it
            self.insist(lambda: app.delete_tenant(GUEST, abandon_calls=True), GUEST)

    def replay(self, id: UUID, customer: str) -> None:
        with suppress(NotDead):
            self.insist(lambda: self.town.app.replay(id), customer)

    @rule(channel=customers, many=st.integers(1, 4), at_once=st.booleans())
    def notes_are_pinned(self, channel: str, many: int, at_once: bool) -> None:
        """Each of them flashes, too."""
        first = len(self.notes)
        self.notes += [channel] * many
        numbers = range(first, first + many)
        steps = [numbers] if at_once else [range(number, number + 1) for number in numbers]
        for step in steps:
            self.insist(partial(self.pin, channel, step), channel)

    def pin(self, channel: str, numbers: Sequence[int]) -> None:
        app = self.town.app
        if not app.query(select(Sheet.id).where(col(Sheet.first) == numbers[0])):
            with app.transaction() as tx:
                tx.add(Sheet(first=numbers[0]))
                for number in numbers:
                    tx.dispatch(Pinned(channel=channel, number=number))
                    tx.dispatch(Flashed(number=number))

    @rule(many=st.integers(1, 3), seconds=st.integers(0, 2), customer=customers)
    def parcels_and_an_offer_come(self, many: int, seconds: int, customer: str) -> None:
        before = len(self.asked(lambda: self.town.app.query(select(Offer.id)), customer))

        def add() -> None:
            if len(self.town.app.query(select(Offer.id))) == before:
                with self.town.app.transaction() as tx:
                    for number in range(self.parcels, self.parcels + many):
                        tx.add(Parcel(address=f"street {number}"))
                    tx.add(Offer(until=now() + timedelta(seconds=seconds)))

        self.insist(add, customer)
        self.parcels += many
        self.offers += 1

    @rule()
    def keys_are_mended(self) -> None:
        """What is paused, because the vendor took a key for a wrong one, goes on."""
        self.mended_at = time.monotonic()
        for vendor in ("acme", "carrier", "post"):
            self.town.app.resume(vendor)

    def more_begin(self, many: int) -> None:
        raise NotImplementedError

    def numbered(self, orders: list[Placed]) -> list[tuple[int, Placed]]:
        self.orders += orders
        return list(enumerate(self.orders))[-len(orders) :]

    def place(self, number: int, order: Placed) -> None:
        app = self.town.app
        self.insist(lambda: app.dispatch(OrderPlaced(**facts(number, order)), key=str(number)), order[0])

    def whose(self, customer: str) -> str | None:
        """The tenant that a customer is."""
        return customer if self.tenanted else None

    @property
    def tenants(self) -> list[str | None]:
        return [*CUSTOMERS] if self.tenanted else [None]

    def insist(self, act: Callable[[], object], customer: str) -> None:
        """Do it, however often the connection is lost; `act` sees for itself what is done already."""
        self.asked(act, customer)

    def asked(self, ask: Callable[[], T], customer: str) -> T:
        """What it says, however often the connection is lost."""
        found: list[T] = []

        def said() -> bool:
            with suppress(StorageError), within(self.whose(customer)):
                found.append(ask())
            return bool(found)

        self.town.until(said)
        return found[0]

    def all_of(self, statement: SelectOfScalar[T]) -> list[T]:
        """The records of all tenants."""
        found: list[T] = []
        for tenant in self.tenants:
            with within(tenant):
                found += self.town.app.query(statement)
        return found

    def counted(self, table: str, where: str = "true") -> int:
        """How many rows there are of some tenant, or of all of them."""
        most = 0
        for tenant in self.tenants:
            with within(tenant), self.town.app.engine.database.reading() as connection:
                most = max(most, connection.row(f"SELECT count(*) FROM {table} WHERE {where}")[0])
        return most


def facts(number: int, order: Placed) -> dict[str, Any]:
    customer, mood, news = order
    return {"customer": customer, "cents": number, "mood": mood, "news": news}
