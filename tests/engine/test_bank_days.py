"""Random days of a bank: who may act, who may see, what receipts and traces say, natural keys, triggers."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import func
from sqlalchemy.orm import selectinload
from sqlmodel import col, select

from framework import Refused
from framework.app import App, Settings
from framework.runtime.errors import AlreadyExists, HiddenField, NoSuchRecord
from framework.testing import emit
from tests.engine.bank import (
    LIMIT,
    MODULE,
    RECORDS,
    Account,
    Booking,
    Branch,
    Frozen,
    Holiday,
    House,
    Letter,
    Loan,
    Overdrawn,
    Terms,
    Transferred,
)
from tests.engine.foretelling import dispatched
from tests.machines import MachineOnDatabase, on_postgresql, on_sqlite
from tests.soak import examples

picks = st.integers(0, 7)
owners = st.sampled_from(["ada", "bob"])
actors = st.sampled_from([None, "ada", "bob", "staff"])
branches = st.sampled_from(["north", "south", "west"])
facts = st.fixed_dictionaries(
    {},
    optional={
        "owner": owners,
        "label": st.sampled_from(["a", "b", "c"]),
        "frozen": st.booleans(),
        "secret": st.integers(0, 2),
        "terms": st.none()
        | st.builds(Terms, rate=st.integers(0, 3), notes=st.lists(st.sampled_from("xy"), max_size=2)),
        "tags": st.lists(st.sampled_from("tuv"), max_size=2),
    },
)
transfers = st.tuples(st.none() | picks, st.none() | picks, st.integers(1, 5), actors, st.booleans())


@dataclass
class Known:
    """An account in plain Python."""

    branch: UUID
    owner: str
    number: int
    label: str = "a"
    frozen: bool = False
    secret: int = 0
    terms: Terms | None = None
    tags: list[str] = field(default_factory=list)
    bookings: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    standing: str = "good"
    role: str = "none"
    last_received: int | None = None
    credit: str = "none"
    contract: str = "signed"
    letter: str | None = None

    @property
    def balance(self) -> int:
        return sum(self.bookings)

    def shown(self) -> dict[str, Any]:
        """What its record says."""
        return {
            **{name: getattr(self, name) for name in SAME},
            "is_overdrawn": self.balance < 0,
            "rate": self.terms.rate if self.terms else None,
            "tagged": "+".join(sorted(self.tags)),
        }


SAME = (
    *("owner", "number", "label", "frozen", "secret", "terms", "tags"),
    *("balance", "standing", "role", "last_received", "credit", "contract"),
)


class Bank(MachineOnDatabase):
    """Each rule is one transaction, or one look at what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.app = App([MODULE], database=self.url, settings=Settings(synchronous="OFF"))
        self.app.create()
        self.branches: dict[str, UUID] = {}
        self.given: Counter[UUID] = Counter()
        self.accounts: dict[UUID, Known] = {}
        self.loans: dict[UUID, tuple[UUID, bool]] = {}
        self.moved = 0
        self.mood = "calm"
        self.unmatched: Counter[str] = Counter()

    # -- what should follow --------------------------------------------------------------------------------

    def pick(self, number: int) -> UUID:
        return sorted(self.accounts)[number % len(self.accounts)]

    def next_number(self, branch: UUID) -> int:
        self.given[branch] += 1
        return 7 + 3 * self.given[branch]

    def is_taken(self, new: dict[UUID, Known]) -> bool:
        """Whether two accounts of a branch that are in use would have one label."""
        used = [(one.branch, one.label) for one in (self.accounts | new).values() if not one.frozen]
        return len(used) > len(set(used))

    def unless_taken(self, new: dict[UUID, Known]) -> AbstractContextManager[Any]:
        return pytest.raises(AlreadyExists, match="label_taken") if self.is_taken(new) else nullcontext()

    def happens(self, machine: str, state: str, moves: dict[str, str]) -> str:
        """The state after something that leads from some states to others, and nowhere from the rest."""
        self.unmatched[machine] += state not in moves
        return moves.get(state, state)

    def freezes(self, was: bool, now: bool) -> None:
        if was != now:
            moves = {"calm": "alert"} if now else {"alert": "calm"}
            self.mood = self.happens("House.mood", self.mood, moves)

    def change(self, new: dict[UUID, Known]) -> None:
        """Accounts change together, unless a label is taken."""
        if self.is_taken(new):
            return
        for id, one in new.items():
            self.freezes(self.accounts[id].frozen, one.frozen)
            if one.terms != self.accounts[id].terms:
                one.contract = self.happens("Account.contract", one.contract, {"signed": "revised"})
        self.accounts |= new

    def refusal(self, event: Transferred, actor: str | None, context: dict[str, Any]) -> str | None:
        """The code of the first guard that says no."""
        account = self.accounts[event.source_id] if event.source_id else None
        mine = account is not None and account.owner == actor
        if not (mine or actor == "staff") or (account is not None and account.frozen):
            return "not_yours"
        if account is not None and sum(account.sent) + event.cents > LIMIT:
            return "within_limit"
        return "no_pin" if event.cents > 3 and context.get("pin") != "1234" else None

    def is_transferred(self, event: Transferred) -> None:
        self.moved += event.cents
        source = self.accounts[event.source_id] if event.source_id else None
        target = self.accounts[event.target_id] if event.target_id else None
        if source is not None:
            source.bookings.append(-event.cents)
            source.sent.append(event.cents)
        if target is not None:
            target.bookings.append(event.cents)
        for account in {id(one): one for one in (source, target) if one is not None}.values():
            moves = {"none": "payee", "payer": "payee"} if account is target else {}
            moves |= {"payee": "payer"} if account is source else {}
            was, account.role = account.role, self.happens("Account.role", account.role, moves)
            if was != account.role == "payee":
                account.last_received = event.cents

    def all_has_followed(self) -> None:
        """At the end of a transaction."""
        for account in self.accounts.values():
            account.standing = "overdrawn" if account.balance < 0 else "good"
            if account.standing == "overdrawn" and account.letter is None:
                account.letter = "pending"

    # -- what happens --------------------------------------------------------------------------------------

    @initialize()
    def the_bank_opens(self) -> None:
        self.a_branch_is_ensured("north")
        for number, owner in enumerate(("ada", "bob")):
            self.an_account_comes("north", owner, {"label": "bc"[number]})

    @rule(name=branches)
    def a_branch_is_ensured(self, name: str) -> None:
        with self.app.transaction() as tx:
            found = tx.ensure(Branch(name=name))
        assert self.branches.setdefault(name, found.id) == found.id

    @rule(name=branches, owner=owners, facts=facts)
    def an_account_comes(self, name: str, owner: str, facts: dict[str, Any]) -> None:
        """At a branch that is there or not."""
        facts = {"owner": owner, "label": "a"} | facts
        known = Known(self.branches.get(name, UUID(int=0)), number=0, **facts)
        with self.unless_taken({UUID(int=0): known}), self.app.transaction() as tx:
            known.branch = tx.ensure(Branch(name=name)).id
            id = tx.add(Account(branch_id=known.branch, **facts)).id
        if self.is_taken({UUID(int=0): known}):
            return
        assert self.branches.setdefault(name, known.branch) == known.branch
        known.number = self.next_number(known.branch)
        self.accounts[id] = known
        self.freezes(False, known.frozen)
        self.unmatched["Account.standing"] += 1  # what is computed of a new record has become that

    @rule(name=branches, many=st.integers(1, 3))
    def numbers_are_reserved(self, name: str, many: int) -> None:
        branch = self.branches.get(name)
        if branch is not None:
            with self.app.transaction() as tx:
                found = tx.reserve(Account, "number", many, branch_id=branch)
            assert [*found] == [self.next_number(branch) for _ in range(many)]

    @precondition(lambda self: self.accounts)
    @rule(number=picks, facts=facts, name=st.none() | branches)
    def an_account_changes(self, number: int, facts: dict[str, Any], name: str | None) -> None:
        id, there = self.pick(number), self.branches.get(name or "")
        moved = {"branch_id": there} if there else {}
        new = {id: replace(self.accounts[id], **facts, **({"branch": there} if there else {}))}
        with self.unless_taken(new), self.app.transaction() as tx:
            tx.update(Account, id, **facts, **moved)
        self.change(new)

    @rule(owner=owners, frozen=st.booleans())
    def all_of_an_owner_are_frozen_or_not(self, owner: str, frozen: bool) -> None:
        theirs = {id: one for id, one in self.accounts.items() if one.owner == owner}
        new = {id: replace(one, frozen=frozen) for id, one in theirs.items()}
        with self.unless_taken(new), self.app.transaction() as tx:
            assert tx.update_where(Account, Account.owner == owner, frozen=frozen) == len(theirs)
        self.change(new)

    @precondition(lambda self: self.accounts)
    @rule(number=picks)
    def an_account_goes(self, number: int) -> None:
        id = self.pick(number)
        with self.app.transaction() as tx:
            tx.delete(Account, id)
        self.freezes(self.accounts.pop(id).frozen, False)
        self.loans = {loan: known for loan, known in self.loans.items() if known[0] != id}

    @precondition(lambda self: self.accounts)
    @rule(number=picks, granted=st.booleans())
    def a_loan_is_asked_for(self, number: int, granted: bool) -> None:
        id = self.pick(number)
        with self.app.transaction() as tx:
            self.loans[tx.add(Loan(account_id=id, granted=granted)).id] = id, granted
        if granted:
            self.is_granted(self.accounts[id], granted)

    def is_granted(self, account: Known, granted: bool) -> None:
        moves = {"none": "given"} if granted else {"given": "none"}
        account.credit = self.happens("Account.credit", account.credit, moves)

    @precondition(lambda self: self.loans)
    @rule(loan=picks, granted=st.booleans(), to=st.none() | picks)
    def a_loan_is_decided_or_moves(self, loan: int, granted: bool, to: int | None) -> None:
        id = sorted(self.loans)[loan % len(self.loans)]
        account, was = self.loans[id]
        there = account if to is None else self.pick(to)
        with self.app.transaction() as tx:
            tx.update(Loan, id, granted=granted, account_id=there)
        self.loans[id] = there, granted
        if granted != was:
            self.is_granted(self.accounts[there], granted)

    # -- events --------------------------------------------------------------------------------------------

    def transfer(self, source: int | None, target: int | None, cents: int) -> Transferred:
        ids = [None if one is None or not self.accounts else self.pick(one) for one in (source, target)]
        return Transferred(source_id=ids[0], target_id=ids[1], cents=cents)

    @rule(transfer=transfers, key=st.none() | st.just("key"))
    def somebody_transfers(self, transfer: Any, key: str | None) -> None:
        *of, actor, with_pin = transfer
        event, context = self.transfer(*of), {"pin": "1234"} if with_pin else {}
        code = self.refusal(event, actor, context)
        key = None if key is None else str(event.id)
        how: dict[str, Any] = {"actor": actor, "context": context, "key": key}
        if code is not None:
            with pytest.raises(Refused, match=f"code '{code}'"):
                dispatched(self.app, RECORDS, event, **how)
            return
        receipt = dispatched(self.app, RECORDS, event, **how)
        self.is_transferred(event)
        self.all_has_followed()
        if key is not None:
            again = self.app.dispatch(event, **how)
            assert again.replayed
            assert [(one.kind, one.model, one.id) for one in again.changes] == [
                (one.kind, one.model, one.id) for one in receipt.changes
            ]

    @rule(
        many=st.lists(transfers, min_size=1, max_size=4),
        freezing=st.none() | picks,
        secret=st.none() | st.integers(0, 2),
    )
    def several_transfer_at_once(self, many: list[Any], freezing: int | None, secret: int | None) -> None:
        """Who is refused is left out, and the others stand; an account is frozen just before, and who is
        overdrawn then, and not frozen, is given a secret.
        """
        with self.app.transaction() as tx:
            if freezing is not None and self.accounts:
                id = self.pick(freezing)
                tx.update(Account, id, frozen=True)
                self.change({id: replace(self.accounts[id], frozen=True)})
            for *of, actor, with_pin in many:
                event, context = self.transfer(*of), {"pin": "1234"} if with_pin else {}
                code = self.refusal(event, actor, context)
                if code is None:
                    tx.dispatch(event, actor=actor, context=context)
                    self.is_transferred(event)
                else:
                    with pytest.raises(Refused) as refused:
                        tx.dispatch(event, actor=actor, context=context)
                    assert refused.value.code == code
            if secret is not None:
                overdrawn = [one for one in self.accounts.values() if one.balance < 0 and not one.frozen]
                thawed = col(Account.id).not_in(select(Frozen.id))
                assert tx.update_where(Overdrawn, thawed, secret=secret) == len(overdrawn)
                for account in overdrawn:
                    account.secret = secret
        self.all_has_followed()

    @rule()
    def a_holiday_comes(self) -> None:
        dispatched(self.app, RECORDS, Holiday(name="may"))
        self.mood = self.happens("House.mood", self.mood, {"calm": "away", "alert": "away"})

    @rule(number=picks, outcome=st.sampled_from(["completed", "failed"]))
    def a_letter_comes_back(self, number: int, outcome: Any) -> None:
        letters = self.app.query(select(Letter).order_by(col(Letter.id)))
        if letters:
            letter = letters[number % len(letters)]
            emit(self.app, letter, outcome)
            account = self.accounts[letter.account_id]
            if account.letter == "pending":
                account.letter = outcome
                if outcome == "completed":
                    self.mood = self.happens("House.mood", self.mood, {"away": "calm"})

    # -- what is seen --------------------------------------------------------------------------------------

    @rule(actor=actors, audit=st.booleans(), owner=owners)
    def somebody_looks(self, actor: str | None, audit: bool, owner: str) -> None:
        """A reader who is nobody is one that only the context tells of."""
        reader: dict[str, Any] = {"actor": actor, "context": {"audit": audit}}
        seen = {id: one for id, one in self.accounts.items() if actor in ("staff", one.owner)}
        query: Callable[..., list[Any]] = lambda statement: self.app.query(statement, **reader)  # noqa: E731
        assert {one.id for one in query(select(Account))} == seen.keys()
        assert query(select(func.count(col(Account.id)))) == [len(seen)]
        wide = (Account.owner == owner) | col(Account.frozen) | (Account.balance < 0)
        assert sorted(query(select(Account.number).where(wide))) == sorted(
            one.number for one in seen.values() if one.owner == owner or one.frozen or one.balance < 0
        )
        theirs = {id: one for id, one in self.accounts.items() if audit or one.owner == actor}
        assert sorted(one.cents for one in query(select(Booking))) == sorted(
            cents for one in theirs.values() for cents in one.bookings
        )
        assert sorted(query(select(Booking.cents, Account.owner).join(Account))) == sorted(
            (cents, one.owner) for id, one in seen.items() if id in theirs for cents in one.bookings
        )
        for branch in query(select(Branch).options(selectinload(Branch.accounts))):  # type: ignore[arg-type]
            assert branch.count == sum(one.branch == branch.id for one in self.accounts.values())
            assert {one.id for one in branch.accounts} == {
                id for id, one in seen.items() if one.branch == branch.id
            }
        for id, account in self.accounts.items():
            if id not in seen:
                with pytest.raises(NoSuchRecord):
                    self.app.get(Account, id, **reader)
            elif actor == "staff":
                assert self.app.get(Account, id, **reader).secret == account.secret
            else:
                with pytest.raises(HiddenField):
                    _ = self.app.get(Account, id, **reader).secret

    @invariant()
    def everything_is_as_plain_python_says(self) -> None:
        accounts = {one.id: one for one in self.app.query(select(Account))}
        assert accounts.keys() == self.accounts.keys()
        for id, known in self.accounts.items():
            wanted = known.shown()
            assert {name: getattr(accounts[id], name) for name in wanted} == wanted
            assert accounts[id].branch_id == known.branch
        assert {one.account_id: str(one.status) for one in self.app.query(select(Letter))} == {
            id: one.letter for id, one in self.accounts.items() if one.letter is not None
        }
        for branch in self.app.query(select(Branch)):
            assert self.branches[branch.name] == branch.id
            mine = [one for _, one in sorted(self.accounts.items()) if one.branch == branch.id]
            wanted = self.of_branch(mine)
            assert {name: getattr(branch, name) for name in wanted} == wanted
        house = self.app.get(House)
        frozen = sum(one.frozen for one in self.accounts.values())
        assert (house.frozen, house.moved, house.mood) == (frozen, self.moved, self.mood)
        unmatched: Counter[str] = Counter()
        for one in self.app.unmatched():
            unmatched[f"{one.model.__name__}.{one.property}"] += one.count
        assert unmatched == self.unmatched
        assert self.app.verify() == []

    def of_branch(self, accounts: list[Known]) -> dict[str, Any]:
        sums: Counter[str] = Counter()
        for one in accounts:
            sums[one.owner] += one.balance
        return {
            "count": len(accounts),
            "total": sum(one.balance for one in accounts),
            "best_rate": max((one.terms.rate for one in accounts if one.terms), default=None),
            "tags": [one.tags for one in accounts if one.tags][::-1][:2],
            "by_owner": dict(sums),
            "by_note": Counter(one.terms.notes[0] for one in accounts if one.terms and one.terms.notes),
        }


TestBank = on_sqlite(Bank, examples(12, soak=250, steps=20, soak_steps=50))
TestBankOnPostgres = on_postgresql(Bank, examples(4, soak=80, steps=15, soak_steps=40))
