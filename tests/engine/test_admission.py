"""Guards: only True admits an event, and nothing is stored of one that is refused."""

from uuid import UUID

import pytest
from sqlmodel import select

from framework import Admission, Entity, Event, Field, Refused, condition, derive, guard
from framework.app import App, opened
from framework.computations.admission import Guard, NotAVerdict, Test
from framework.plan.mistakes import UndeclaredRecord


class AccountOpened(Event, table=True):
    owner: str


class Account(Entity, table=True):
    owner: str
    frozen: bool = False


class Withdrawn(Event, table=True):
    account_id: UUID = Field(foreign_key="account.id")
    cents: int = Field(gt=0)


@derive
def account(opened: AccountOpened) -> Account:
    return Account(id=opened.id, owner=opened.owner)


@condition
def owner(event: Withdrawn, admission: Admission) -> bool:
    return admission.get(Account, event.account_id).owner == admission.actor


@condition
def frozen(event: Withdrawn, admission: Admission) -> bool:
    return admission.get(Account, event.account_id).frozen


@condition
def staff(event: Withdrawn, admission: Admission) -> bool:
    return admission.actor == "staff"


def bank(database_url: str, *guards: Guard) -> App:
    return App([[AccountOpened, Account, Withdrawn, account, *guards]], database=database_url)


def test_an_owner_may_withdraw_and_a_stranger_may_not(database_url: str) -> None:
    with opened(bank(database_url, guard(Withdrawn)(owner))) as app:
        id = app.dispatch(AccountOpened(owner="ada")).id
        app.dispatch(Withdrawn(account_id=id, cents=5), actor="ada")

        with pytest.raises(Refused) as refused:
            app.dispatch(Withdrawn(account_id=id, cents=5), actor="eve")

        assert refused.value.code == "owner"
        assert str(refused.value) == "Withdrawn is not admitted: owner says no (code 'owner')."
        assert len(app.query(select(Withdrawn))) == 1


def test_conditions_combine_as_in_logic(database_url: str) -> None:
    with opened(bank(database_url, guard(Withdrawn, code="not_now")((owner | staff) & ~frozen))) as app:
        id = app.dispatch(AccountOpened(owner="ada")).id
        for actor in ("ada", "staff"):
            app.dispatch(Withdrawn(account_id=id, cents=5), actor=actor)
        with app.transaction() as tx:
            tx.update(Account, id, frozen=True)

        for actor in ("ada", "staff", "eve", None):
            with pytest.raises(Refused) as refused:
                app.dispatch(Withdrawn(account_id=id, cents=5), actor=actor)
            assert refused.value.code == "not_now"


@pytest.mark.parametrize("verdict", [None, 1, "", "yes", 0])
@pytest.mark.parametrize("combine", [lambda one: one, lambda one: ~one, lambda one: one | ~one])
def test_what_is_neither_true_nor_false_admits_nothing(
    database_url: str, verdict: object, combine: object
) -> None:
    def unsure(event: Withdrawn, admission: Admission) -> bool:
        return verdict  # type: ignore[return-value]  # the mistake under test

    asked: Test = combine(condition(unsure))  # type: ignore[operator]  # one of the lambdas above
    with opened(bank(database_url, guard(Withdrawn)(asked))) as app:
        id = app.dispatch(AccountOpened(owner="ada")).id
        with pytest.raises(NotAVerdict):
            app.dispatch(Withdrawn(account_id=id, cents=5))
        assert app.query(select(Withdrawn)) == []


def test_a_guard_also_stands_before_events_of_a_larger_transaction(database_url: str) -> None:
    with opened(bank(database_url, guard(Withdrawn)(owner))) as app:
        id = app.dispatch(AccountOpened(owner="ada")).id
        with pytest.raises(Refused), app.transaction() as tx:
            tx.update(Account, id, frozen=True)
            tx.dispatch(Withdrawn(account_id=id, cents=5), actor="eve")
        assert not app.get(Account, id).frozen


def test_a_guard_of_an_event_that_the_app_does_not_know_is_a_mistake() -> None:
    with pytest.raises(
        UndeclaredRecord, match="the guard owner needs Withdrawn, which is not part of this App"
    ):
        App([[AccountOpened, Account, account, guard(Withdrawn)(owner)]])
