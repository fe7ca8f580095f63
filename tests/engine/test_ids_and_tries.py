"""An id is one id however it is written, and a try that failed leaves nothing to the next one."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Count, Entity, Event, Field, Relationship, computed, derive
from framework.app import App, opened
from framework.runtime.errors import NoSuchRecord, NotText, NumberTooLarge
from framework.runtime.transaction import Transaction
from framework.storage.errors import TransactionInterrupted


class Fold(Entity, table=True):
    sheep: list["Sheep"] = Relationship()
    size: int = computed(Count(sheep))


class Sheep(Entity, table=True):
    fold_id: UUID = Field(foreign_key="fold.id")


class Shorn(Event, table=True):
    wool: list[str]


class Bale(Entity, table=True):
    wool: list[str]
    mark: str | None = Field(default=None, index=True)


@derive
def bale(shorn: Shorn) -> Bale:
    """Made by a rule that changes what it was given, as none should."""
    shorn.wool.append("string")
    return Bale(wool=shorn.wool)


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([[Fold, Sheep, Shorn, Bale, bale]], database=database_url)) as app:
        yield app


def test_an_id_as_text_and_as_a_uuid_is_one_record(app: App) -> None:
    with app.transaction() as tx:
        fold = tx.add(Fold())
        for written in (fold.id, str(fold.id), fold.id.hex, f"urn:uuid:{fold.id}", str(fold.id).upper()):
            tx.add(Sheep(fold_id=written))  # type: ignore[arg-type]  # callers read ids from JSON
    assert app.get(Fold, fold.id).size == 5
    assert {sheep.fold_id for sheep in app.query(select(Sheep))} == {fold.id}
    assert app.verify() == []


def test_a_record_is_found_by_its_id_as_text(app: App) -> None:
    with app.transaction() as tx:
        fold = tx.add(Fold()).id
        sheep = tx.add(Sheep(fold_id=fold)).id
    written: Any = str(fold)
    assert app.get(Fold, written).id == fold
    assert app.explain(Fold, "size", written).value == 1
    with app.transaction() as tx:
        assert tx.get(Fold, written).id == fold
        tx.delete(Sheep, str(sheep))  # type: ignore[arg-type]  # as above
        tx.delete(Fold, written)
    assert app.query(select(Fold)) == []


@pytest.mark.parametrize("id", ["nobody", 5])
def test_what_is_no_id_is_the_id_of_no_record(app: App, id: Any) -> None:
    problem = f"There is no Fold with the id {id}"
    with pytest.raises(NoSuchRecord, match=problem):
        app.get(Fold, id)
    with pytest.raises(NoSuchRecord, match=problem), app.transaction() as tx:
        tx.get(Fold, id)


def test_what_no_column_keeps_is_not_asked_for(app: App) -> None:
    with pytest.raises(NumberTooLarge), app.transaction() as tx:
        tx.update_where(Fold, Fold.size == 2**70)
    with pytest.raises(NotText), app.transaction() as tx:
        tx.delete_where(Bale, Bale.mark == "\ud800")
    with pytest.raises(NumberTooLarge):
        app.query(select(Fold).where(Fold.size == 2**70))


def test_a_text_that_an_index_cannot_hold_is_refused(app: App) -> None:
    if not app.engine.database.concurrent:
        pytest.skip("an index of SQLite holds texts of any length")
    with pytest.raises(NotText, match=r"index row .*shorten what is indexed"), app.transaction() as tx:
        tx.add(Bale(wool=[], mark="".join(map(chr, range(0x4E00, 0x9E00)))))


def test_what_a_failed_try_changed_in_its_facts_is_not_in_the_next(app: App) -> None:
    if not app.engine.database.concurrent:
        pytest.skip("with one writer nothing has run when it is tried again")
    tries = []

    def operation(transaction: Transaction) -> None:
        transaction.dispatch(event)
        transaction.finish()
        tries.append(len(tries))
        if len(tries) < 3:
            raise TransactionInterrupted(reason="a deadlock")

    event = Shorn(wool=["white"])
    app.engine.write(operation)
    assert tries == [0, 1, 2]
    (made,) = app.query(select(Bale))
    assert made.wool == ["white", "string"]
    assert event.wool == ["white"]
