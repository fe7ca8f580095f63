"""Guards: only True admits an event, and nothing is stored of one that is refused."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Admission, Entity, Event, Field, Refused, condition, derive, guard
from framework.app import App, opened
from framework.computations.admission import AskedTooEarly, Guard, NotAVerdict, Test
from framework.model.record import UnknownField
from framework.plan.mistakes import UndeclaredRecord
from framework.runtime.errors import NotIndexed


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


@pytest.mark.parametrize(
    "combined", [lambda: owner and staff, lambda: owner or staff, lambda: not owner], ids=["and", "or", "not"]
)
def test_conditions_are_not_combined_by_words(combined: Callable[[], object]) -> None:
    """`guard(Withdrawn)(owner and staff)` would ask `staff` alone."""
    with pytest.raises(AskedTooEarly) as refused:
        combined()
    assert str(refused.value) == (
        "owner is a condition, which answers when there is an event. Combine conditions by `&`, `|` and `~`: "
        "Python's `and`, `or` and `not` would take one and leave out the other."
    )


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


def test_a_guard_knows_what_the_caller_said_of_the_request(database_url: str) -> None:
    @condition
    def at_the_branch(event: Withdrawn, admission: Admission) -> bool:
        return bool(admission.context.get("branch") == "main street")

    with opened(bank(database_url, guard(Withdrawn)(at_the_branch))) as app:
        id = app.dispatch(AccountOpened(owner="ada")).id
        app.dispatch(Withdrawn(account_id=id, cents=5), context={"branch": "main street"})
        with app.transaction() as tx:
            tx.dispatch(Withdrawn(account_id=id, cents=6), context={"branch": "main street"})
        for context in ({"branch": "elsewhere"}, {}, None):
            with pytest.raises(Refused):
                app.dispatch(Withdrawn(account_id=id, cents=7), context=context)
        assert sorted(one.cents for one in app.query(select(Withdrawn))) == [5, 6]


def test_the_context_of_an_admission_is_read_only(database_url: str) -> None:
    def meddles(event: Withdrawn, admission: Admission) -> bool:
        admission.context["staff"] = True  # type: ignore[index]  # the mistake under test
        return True

    with opened(bank(database_url, guard(Withdrawn)(meddles))) as app:
        id = app.dispatch(AccountOpened(owner="ada")).id
        with pytest.raises(TypeError):
            app.dispatch(Withdrawn(account_id=id, cents=5), context={"staff": False})


def test_a_guard_finds_records_by_an_index(database_url: str) -> None:
    """Also those of the same transaction, which the database has not been told of."""

    @condition
    def small_so_far(event: Withdrawn, admission: Admission) -> bool:
        return sum(one.cents for one in admission.find(Withdrawn, account_id=event.account_id)) < 10

    with opened(bank(database_url, guard(Withdrawn)(small_so_far))) as app:
        id, other = (app.dispatch(AccountOpened(owner=name)).id for name in ("ada", "eve"))
        app.dispatch(Withdrawn(account_id=other, cents=100))
        with pytest.raises(Refused), app.transaction() as tx:
            for _ in range(3):
                tx.dispatch(Withdrawn(account_id=id, cents=6))
        for _ in range(2):
            app.dispatch(Withdrawn(account_id=id, cents=6))
        with pytest.raises(Refused):
            app.dispatch(Withdrawn(account_id=id, cents=6))


@pytest.mark.parametrize(
    ("asked", "error"),
    [({"owner": "ada"}, NotIndexed), ({"id": None}, NotIndexed), ({"nam": 1}, UnknownField)],
)
def test_a_guard_does_not_read_all_records(
    database_url: str, asked: dict[str, Any], error: type[Exception]
) -> None:
    def looks_everywhere(event: Withdrawn, admission: Admission) -> bool:
        return bool(admission.find(Account, **asked))

    with opened(bank(database_url, guard(Withdrawn)(looks_everywhere))) as app:
        id = app.dispatch(AccountOpened(owner="ada")).id
        with pytest.raises(error):
            app.dispatch(Withdrawn(account_id=id, cents=6))


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
