"""Whatever happens in whatever order, every property says what the facts say."""

import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlmodel import select

from framework.app import App, Settings
from framework.clock import ManualClock
from framework.errors import DispatchError
from framework.integration import Completed, ExternalId, Failed, Processing
from framework.integration.ingest import Source, ingest
from framework.model.apicall import IntegrationEvent
from framework.model.identity import new_id
from framework.runtime import untold
from framework.runtime.errors import ConflictingKey
from framework.runtime.transaction import Transaction
from framework.storage.errors import TransactionInterrupted
from tests.engine.foretelling import dispatched
from tests.engine.naive import everything, mistakes
from tests.engine.shop import (
    MODULE,
    RECORDS,
    Charge,
    Customer,
    Item,
    Line,
    Order,
    OrderReopened,
    OrderShut,
    Paper,
    Parcel,
    ParcelSent,
    Totals,
    cashier,
)
from tests.machines import MachineOnDatabase, on_postgresql, on_sqlite
from tests.soak import examples

START = datetime(2026, 3, 1, 12, tzinfo=UTC)

names = st.sampled_from([None, "", "a", "b", "ä", "Z"])
prices = st.one_of(st.none(), st.integers(-3, 9))
moments = st.one_of(st.none(), st.integers(0, 5).map(lambda hours: START + timedelta(hours=hours)))
picks = st.integers(0, 9)
changes = st.fixed_dictionaries(
    {}, optional={"name": names, "price": prices, "paid": st.booleans(), "bought_at": moments}
)
outcomes = st.sampled_from(["completed", "failed", "processing"])
external_ids = st.sampled_from(["x1", "x2", "x3", "x4"])


class Abandoned(Exception):
    """The user thinks better of it."""


class Shop(MachineOnDatabase):
    """Random days of a shop, on a real database; `progress` and its like are what its machines say."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(START)
        self.app = self.opened()
        self.progress: dict[UUID, str] = {}
        self.payment: dict[UUID, str] = {}
        self.wear: dict[UUID, str] = {}
        self.reborn: dict[UUID, UUID] = {}
        self.numbers: dict[UUID, int] = {}
        self.given: Counter[UUID | None] = Counter()
        self.unmatched: Counter[str] = Counter()
        self.calls: dict[UUID, dict[str, Any]] = {}
        self.keys: dict[str, int] = {}
        self.orphans: list[tuple[str, str]] = []
        self.stray: set[tuple[str, str]] = set()

    def opened(self) -> App:
        app = App([MODULE], [cashier()], self.url, Settings(synchronous="OFF"), self.clock)
        app.create()
        return app

    # -- what the test knows of the machines ---------------------------------------------------------------

    def order_came(self, order: UUID, customer: UUID | None) -> None:
        self.given[customer] += 1
        self.numbers[order] = self.given[customer]

    def items_came(self, orders: list[UUID | None]) -> None:
        for order in orders:
            if order is None:
                continue
            if self.progress.get(order, "empty") == "empty":
                self.progress[order] = "open"
            else:
                self.unmatched["Order.progress"] += 1

    def price_changed(self, order: UUID | None) -> None:
        if order is not None:
            if self.wear.get(order, "new") == "new":
                self.wear[order] = "touched"
            else:
                self.unmatched["Order.wear"] += 1

    def item_went(self, order: UUID | None) -> None:
        if order is not None:
            if self.wear.get(order, "new") != "torn":
                self.wear[order] = "torn"
            else:
                self.unmatched["Order.wear"] += 1

    def call_ended(self, call: UUID, status: str) -> None:
        order = self.calls[call]["order"]
        if self.payment.get(order, "due") == "due":
            self.payment[order] = "paid" if status == "completed" else "refused"
        else:
            self.unmatched["Order.payment"] += 1

    def forget(self, order: UUID) -> None:
        for known in (self.progress, self.payment, self.wear):
            known.pop(order, None)
        self.calls = {id: call for id, call in self.calls.items() if call["order"] != order}

    def notice_calls(self, charges: list[Charge]) -> None:
        for call in charges:
            self.calls.setdefault(
                call.id,
                {
                    "order": call.order_id,
                    "status": "pending",
                    "external_id": None,
                    "cents": call.request.cents,
                },
            )

    def pick(self, kind: type[Any], n: int) -> Any:
        found = self.app.query(select(kind).order_by(kind.id))
        return found[n % len(found)] if found else None

    # -- facts ---------------------------------------------------------------------------------------------

    @rule(name=st.sampled_from(["ada", "bob"]), limit=prices)
    def customer_comes(self, name: str, limit: int | None) -> None:
        with self.app.transaction() as tx:
            tx.add(Customer(name=name, limit=limit))

    @initialize(cents=st.integers(0, 3))
    def first_order(self, cents: int) -> None:
        with self.app.transaction() as tx:
            customer = tx.add(Customer(name="eve"))
            order = tx.add(Order(customer_id=customer.id, cents=cents))
        self.order_came(order.id, customer.id)

    @rule(
        customer=picks,
        note=names,
        cents=st.integers(0, 3),
        anonymous=st.booleans(),
        items=st.lists(prices, max_size=4),
    )
    def order_comes(
        self, customer: int, note: str | None, cents: int, anonymous: bool, items: list[int | None]
    ) -> None:
        owner = None if anonymous else self.pick(Customer, customer)
        with self.app.transaction() as tx:
            order = tx.add(Order(customer_id=owner.id if owner else None, note=note, cents=cents))
            for price in items:
                tx.add(Item(order_id=order.id, price=price))
        self.order_came(order.id, owner.id if owner else None)
        self.items_came([order.id] * len(items))

    @rule(
        order=picks,
        many=st.lists(changes, min_size=1, max_size=5),
        loose=st.booleans(),
        how=st.sampled_from(["add", "add_all", "load"]),
    )
    def items_come(self, order: int, many: list[dict[str, Any]], loose: bool, how: str) -> None:
        owner = None if loose else self.pick(Order, order)
        id = owner.id if owner else None
        with self.app.transaction() as tx:
            if how == "load":
                tx.load(Item, ({"order_id": id, **one} for one in many))
            elif how == "add_all":
                tx.add_all(Item(order_id=id, **one) for one in many)
            else:
                for one in many:
                    tx.add(Item(order_id=id, **one))
        self.items_came([id] * len(many))

    @rule(item=picks, facts=changes)
    def item_changes(self, item: int, facts: dict[str, Any]) -> None:
        found = self.pick(Item, item)
        if found is not None:
            with self.app.transaction() as tx:
                tx.update(found, **facts)
            if facts.get("price", found.price) != found.price:
                self.price_changed(found.order_id)

    @rule(item=picks, order=picks, facts=changes, loose=st.booleans())
    def item_moves(self, item: int, order: int, facts: dict[str, Any], loose: bool) -> None:
        found, target = self.pick(Item, item), None if loose else self.pick(Order, order)
        if found is not None:
            there = target.id if target else None
            with self.app.transaction() as tx:
                tx.update(Item, found.id, order_id=there, **facts)
            if facts.get("price", found.price) != found.price:
                self.price_changed(there)

    @rule(order=picks, customer=picks, note=names, anonymous=st.booleans())
    def order_moves(self, order: int, customer: int, note: str | None, anonymous: bool) -> None:
        found, owner = self.pick(Order, order), None if anonymous else self.pick(Customer, customer)
        if found is not None:
            with self.app.transaction() as tx:
                tx.update(found, customer_id=owner.id if owner else None, note=note)

    @rule(customer=picks, name=st.sampled_from(["ada", "bob", ""]), limit=prices)
    def customer_changes(self, customer: int, name: str, limit: int | None) -> None:
        found = self.pick(Customer, customer)
        if found is not None:
            with self.app.transaction() as tx:
                tx.update(found, name=name, limit=limit)

    @rule(motto=st.sampled_from(["more", "less"]))
    def motto_changes(self, motto: str) -> None:
        with self.app.transaction() as tx:
            tx.update(Totals, motto=motto)

    @rule(order=picks, cents=st.integers(0, 3))
    def order_is_corrected(self, order: int, cents: int) -> None:
        found = self.pick(Order, order)
        if found is not None and (found.cents == 0 or cents != 0):
            with self.app.transaction() as tx:
                tx.update(found, cents=cents)

    # -- deletions -----------------------------------------------------------------------------------------

    @rule(many=st.lists(picks, min_size=1, max_size=3))
    def items_go(self, many: list[int]) -> None:
        found = {one.id: one for n in many if (one := self.pick(Item, n))}
        with self.app.transaction() as tx:
            for one in found.values():
                tx.delete(one)
        for one in found.values():
            self.item_went(one.order_id)

    @rule(order=picks)
    def order_goes(self, order: int) -> None:
        found = self.pick(Order, order)
        if found is not None:
            with self.app.transaction() as tx:
                tx.delete(found)
            self.forget(found.id)

    @rule(customer=picks)
    def customer_goes(self, customer: int) -> None:
        found = self.pick(Customer, customer)
        if found is not None:
            with self.app.transaction() as tx:
                tx.delete(Customer, found.id)

    @rule(order=picks)
    def order_goes_and_comes_back(self, order: int) -> None:
        found = self.pick(Order, order)
        if found is not None:
            with self.app.transaction() as tx:
                tx.delete(found)
            self.forget(found.id)
            with self.app.transaction() as tx:
                tx.add(Order(id=found.id, customer_id=found.customer_id))
                tx.add(Item(order_id=found.id, price=4))
            self.order_came(found.id, found.customer_id)
            self.reborn[found.id] = new_id()
            self.items_came([found.id])

    @rule(customer=picks)
    def customer_goes_with_all_orders(self, customer: int) -> None:
        found = self.pick(Customer, customer)
        if found is not None:
            orders = self.app.query(select(Order).where(Order.customer_id == found.id))
            with self.app.transaction() as tx:
                for order in orders:
                    tx.delete(order)
                tx.delete(found)
            for order in orders:
                self.forget(order.id)

    # -- many things at once -------------------------------------------------------------------------------

    @rule(item=picks, order=picks, other=picks, facts=changes, price=prices, delete=st.booleans())
    def a_busy_transaction(
        self, item: int, order: int, other: int, facts: dict[str, Any], price: int | None, delete: bool
    ) -> None:
        found, home, away = self.pick(Item, item), self.pick(Order, order), self.pick(Order, other)
        if found is None or home is None or away is None:
            return
        with self.app.transaction() as tx:
            tx.update(found, **facts)
            new = tx.add(Item(order_id=home.id, name="new"))
            tx.update(Item, new.id, price=price)
            tx.update(found, order_id=away.id)
            tx.update(home, note="busy")
            gone = tx.add(Item(order_id=away.id, price=-99))
            tx.delete(Item, gone.id)
            if delete:
                tx.delete(found)
        self.items_came([home.id])
        if delete:
            self.item_went(found.order_id)
        elif facts.get("price", found.price) != found.price:
            self.price_changed(away.id)

    @rule(order=picks, shut_first=st.booleans())
    def an_item_and_an_end_at_once(self, order: int, shut_first: bool) -> None:
        found = self.pick(Order, order)
        if found is None:
            return
        with self.app.transaction() as tx:
            if shut_first:
                tx.dispatch(OrderShut(order_id=found.id))
            tx.add(Item(order_id=found.id))
            if not shut_first:
                tx.dispatch(OrderShut(order_id=found.id))
        if shut_first:
            self.shut(found.id)
        self.items_came([found.id])
        if not shut_first:
            self.shut(found.id)

    @rule(order=picks, item=picks, facts=changes)
    def somebody_thinks_better_of_it(self, order: int, item: int, facts: dict[str, Any]) -> None:
        found, one = self.pick(Order, order), self.pick(Item, item)
        with pytest.raises(Abandoned):
            with self.app.transaction() as tx:
                if one is not None:
                    tx.update(one, **facts)
                if found is not None:
                    tx.add(Item(order_id=found.id, price=1))
                    tx.dispatch(OrderShut(order_id=found.id))
                    tx.delete(found)
                raise Abandoned

    @rule(order=picks)
    def something_impossible_is_asked(self, order: int) -> None:
        found = self.pick(Order, order)
        with pytest.raises(DispatchError):
            with self.app.transaction() as tx:
                if found is not None:
                    tx.add(Item(order_id=found.id, price=1))
                tx.add(Item(order_id=UUID(int=7)))

    # -- events --------------------------------------------------------------------------------------------

    def shut(self, order: UUID) -> None:
        if self.progress.get(order) == "open":
            self.progress[order] = "shut"
        else:
            self.unmatched["Order.progress"] += 1

    @rule(order=picks)
    def order_is_shut(self, order: int) -> None:
        found = self.pick(Order, order)
        if found is not None:
            dispatched(self.app, RECORDS, OrderShut(order_id=found.id))
            self.shut(found.id)

    @rule(order=picks)
    def order_is_reopened(self, order: int) -> None:
        found = self.pick(Order, order)
        if found is not None:
            dispatched(self.app, RECORDS, OrderReopened(order_id=found.id))
            if self.progress.get(found.id) == "shut" and found.cents != 3:
                self.progress[found.id] = "open"
            else:
                self.unmatched["Order.progress"] += 1

    @rule(weight=st.integers(0, 2), key=st.sampled_from(["k1", "k2", "k3", None]))
    def parcel_is_sent(self, weight: int, key: str | None) -> None:
        before = len(self.app.query(select(ParcelSent)))
        if key is not None and self.keys.setdefault(key, weight) != weight:
            with pytest.raises(ConflictingKey):
                self.app.dispatch(ParcelSent(weight=weight), key=key)
            assert len(self.app.query(select(ParcelSent))) == before
        else:
            receipt = self.app.dispatch(ParcelSent(weight=weight), key=key)
            assert len(self.app.query(select(ParcelSent))) == before + (not receipt.replayed)

    @rule(parcel=picks)
    def parcel_is_lost(self, parcel: int) -> None:
        found = self.pick(Parcel, parcel)
        if found is not None:
            with self.app.transaction() as tx:
                tx.delete(found)

    # -- calls ---------------------------------------------------------------------------------------------

    def say(self, *said: tuple[Source, Any, UUID | None], together: bool = False) -> None:
        (desk,) = self.app.desks.values()

        def one(outcome: tuple[Source, Any, UUID | None], tx: Transaction) -> None:
            ingest(tx, desk, outcome[0], outcome[1], call_id=outcome[2])

        if together:
            self.app.engine.write(lambda tx: [one(each, tx) for each in said])
        else:
            results = self.app.engine.write_each([lambda tx, each=each: one(each, tx) for each in said])  # type: ignore[misc]
            assert results == [None] * len(said)

    def heard(self, call: UUID, kind: str) -> None:
        known = self.calls[call]
        if known["status"] in ("completed", "failed") or kind == known["status"]:
            return
        known["status"] = kind
        if kind in ("completed", "failed"):
            self.call_ended(call, kind)

    def submitted(self, call: UUID, external_id: str) -> None:
        known = self.calls[call]
        if known["external_id"] is None and known["status"] == "pending":
            known["external_id"] = external_id
            self.heard(call, "processing")
            for waiting, kind in self.orphans:
                if waiting == external_id:
                    self.heard(call, kind)
            self.orphans = [one for one in self.orphans if one[0] != external_id]

    @staticmethod
    def outcome(kind: str, external_id: str) -> Any:
        id = ExternalId(external_id)
        if kind == "completed":
            return Completed(Paper(url=external_id), external_id=id)
        return Failed("no", external_id=id) if kind == "failed" else Processing(external_id=id)

    @precondition(lambda self: self.calls)
    @rule(call=picks, external_id=external_ids)
    def call_is_submitted(self, call: int, external_id: str) -> None:
        id = sorted(self.calls)[call % len(self.calls)]
        if any(one["external_id"] == external_id for one in self.calls.values()):
            return
        self.say((Source.SUBMIT, ExternalId(external_id), id))
        self.submitted(id, external_id)

    @precondition(lambda self: self.calls)
    @rule(call=picks, kind=st.sampled_from(["completed", "failed"]))
    def call_is_answered_at_once(self, call: int, kind: str) -> None:
        id = sorted(self.calls)[call % len(self.calls)]
        outcome = Completed(Paper(url="now")) if kind == "completed" else Failed("never")
        self.say((Source.SUBMIT, outcome, id))
        self.calls[id]["external_id"] = self.calls[id]["external_id"] or str(
            self.app.get(Charge, id).external_id
        )
        self.heard(id, kind)

    @rule(many=st.lists(st.tuples(external_ids, outcomes), min_size=1, max_size=4), together=st.booleans())
    def vendor_speaks(self, many: list[tuple[str, str]], together: bool) -> None:
        said = [(Source.WEBHOOK, self.outcome(kind, external_id), None) for external_id, kind in many]
        self.say(*said, together=together)
        for external_id, kind in many:
            self.vendor_said(external_id, kind)

    def vendor_said(self, external_id: str, kind: str) -> None:
        owner = next((id for id, one in self.calls.items() if one["external_id"] == external_id), None)
        if owner is not None:
            self.heard(owner, kind)
        elif (external_id, kind) not in self.stray:
            self.orphans.append((external_id, kind))
            self.stray.add((external_id, kind))

    @precondition(lambda self: self.calls)
    @rule(call=picks, external_id=external_ids, kinds=st.lists(outcomes, max_size=3), before=st.booleans())
    def all_is_said_in_one_transaction(
        self, call: int, external_id: str, kinds: list[str], before: bool
    ) -> None:
        id = sorted(self.calls)[call % len(self.calls)]
        if any(one["external_id"] == external_id for one in self.calls.values()):
            return
        spoken: list[tuple[Source, Any, UUID | None]] = [
            (Source.WEBHOOK, self.outcome(kind, external_id), None) for kind in kinds
        ]
        submit: tuple[Source, Any, UUID | None] = (Source.SUBMIT, ExternalId(external_id), id)
        self.say(*([*spoken, submit] if before else [submit, *spoken]), together=True)
        if not before:
            self.submitted(id, external_id)
        for kind in kinds:
            self.vendor_said(external_id, kind)
        if before:
            self.submitted(id, external_id)

    # -- time and trouble ----------------------------------------------------------------------------------

    @rule(seconds=st.integers(-3600, 3600))
    def clock_moves(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @rule(order=picks, dies=st.booleans())
    def process_ends_or_dies(self, order: int, dies: bool) -> None:
        """And another one opens the App anew; what it died over is gone."""
        found = self.pick(Order, order)
        if dies:
            with pytest.raises((sqlite3.ProgrammingError, TransactionInterrupted), match="closed"):
                with self.app.transaction() as tx:
                    tx.add(Customer(name="ghost"))
                    if found is not None:
                        tx.add(Item(order_id=found.id, price=77))
                        tx.dispatch(OrderShut(order_id=found.id))
                    tx.work.flush()
                    tx.work.connection.raw.close()
        self.app.close()
        self.app = self.opened()

    # -- what must hold ------------------------------------------------------------------------------------

    @invariant()
    def all_that_is_stored_is_true(self) -> None:
        found = everything(self.app, self.reborn)
        self.notice_calls(found[Charge])
        assert mistakes(found, self.progress, self.payment, self.wear) == []
        assert [str(one) for one in self.app.verify()] == []
        self.calls_say_what_was_said(found[Charge])
        self.parcels_are_made_once(found[Parcel], found[ParcelSent])
        self.what_moved_no_machine_was_kept()
        assert all(one.number == self.numbers[one.id] for one in found[Order])
        (totals,) = found[Totals]
        assert len(found[Line]) == totals.lines

    def calls_say_what_was_said(self, charges: list[Charge]) -> None:
        stored = {call.id: (str(call.status), call.external_id) for call in charges}
        assert stored == {id: (one["status"], one["external_id"]) for id, one in self.calls.items()}
        for call in charges:
            assert (call.result is not None) == (call.status == "completed")
            assert (call.error is not None) == (call.status == "failed")
            assert call.request.cents == self.calls[call.id]["cents"], "a call never changes"
        applied = self.app.query(select(IntegrationEvent).where(IntegrationEvent.standing == "applied"))
        steps = [(one.call_id, str(one.kind)) for one in applied if one.call_id in stored]
        assert len(steps) == len(set(steps)), "each step is taken once"

    @staticmethod
    def parcels_are_made_once(parcels: list[Parcel], events: list[ParcelSent]) -> None:
        sent = {one.id: one.weight for one in events}
        assert all(sent[one.id] == one.weight > 0 for one in parcels)

    def what_moved_no_machine_was_kept(self) -> None:
        with self.app.engine.database.reading() as connection:
            rows = connection.rows(
                "SELECT machine, COUNT(*) FROM millrace_move WHERE target IS NULL GROUP BY 1"
            )
        assert dict(rows) == {name: n for name, n in self.unmatched.items() if n}


class BusyShop(Shop):
    """The same days, where one record that is held back is already a crowd."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(untold, "_MANY", 0)

    def teardown(self) -> None:
        super().teardown()
        self.patch.undo()


TestShop = on_sqlite(Shop, examples(25, soak=150, steps=30, soak_steps=80))
TestShopOnPostgres = on_postgresql(Shop, examples(8, soak=60, steps=30, soak_steps=80))
TestBusyShop = on_sqlite(BusyShop, examples(10, soak=75, steps=30, soak_steps=80))
