"""What a method of an App or a transaction does not take is said with what it takes; nothing is stored."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio
import pytest
from sqlalchemy import func
from sqlmodel import select

from framework import Activity, Entity, Event, Field, Sequence, Unique, computed
from framework.app import App, opened
from framework.errors import MillraceError
from framework.runtime.asking import shortened
from framework.runtime.errors import ClosedWithin, EnteredAsynchronously

NOWHERE = UUID("00000000-0000-0000-0000-00000000dead")


class Opened(Event, table=True):
    name: str = ""


class Shut(Event, table=True):
    opened_id: UUID = Field(foreign_key="opened.id")


class Box(Entity, table=True):
    __table_args__ = (Unique("name"),)

    name: str = ""
    number: int = computed(Sequence())


class Other(Entity, table=True):
    boxes: int = 0


opening = Activity(Opened, Shut)
unknown = Activity(Opened, Shut)
BOX = Box(id=UUID(int=1), name="known")


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with opened(App([[Opened, Shut, Box, opening]])) as app:
        with app.transaction() as tx:
            tx.add(Box(id=BOX.id, name=BOX.name))
        yield app


NO_CLASS = "is no class. Name the class of the record first, and then its id: `app.get(Order, id)`."
BESIDE = (
    "stands beside a Box, which says itself which one it is. Write `order` alone, or the class and an id: "
    "`Order, id`. Facts have names: `tx.update(order, paid=True)`."
)
UNNAMED = "Write `tx.update(order, paid=True)`; of a dictionary, `tx.update(order, **facts)`."
ACTOR = "`actor` takes a text, such as the id of a user, and was given"
CONTEXT = "`context` takes a mapping of what else was said, and was given"
MANY = "`tx.add_all` takes many at once, and was given"
ROWS = "`tx.load` takes many at once, and was given"
LIST = "Write `tx.load(Order, [{...}, {...}])`."
TRANSACTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "facts in a dictionary": (
        lambda tx: tx.update(Box, BOX.id, {"name": "x"}),
        f"`tx.update` takes facts by their names, and was given {{'name': 'x'}}. {UNNAMED}",
    ),
    "a dictionary beside a record": (
        lambda tx: tx.update(BOX, {"name": "x"}),
        f"{{'name': 'x'}} {BESIDE}",
    ),
    "an id beside a record": (
        lambda tx: tx.delete(BOX, NOWHERE),
        f"UUID('00000000-0000-0000-0000-00000000dead') {BESIDE}",
    ),
    "a record for a class": (
        lambda tx: tx.update_where(BOX, Box.name == "x", name="y"),
        f"{BOX!r} {NO_CLASS}",
    ),
    "the name of a class": (lambda tx: tx.load("Box", []), f"'Box' {NO_CLASS}"),
    "a record for its id": (
        lambda tx: tx.get(Box, [NOWHERE]),
        "There is no Box with the id [UUID('00000000-0000-0000-0000-00000000dead')]: an id is a UUID, or its "
        "text. That of a record is `order.id`.",
    ),
    "one for many": (
        lambda tx: tx.add_all(None),
        f"{MANY} None. Write `tx.add_all([Order(...), Order(...)])`.",
    ),
    "a class for many": (
        lambda tx: tx.add_all(Box),
        f"{MANY} {Box!r}. Write `tx.add_all([Order(...), Order(...)])`.",
    ),
    "no rows": (lambda tx: tx.load(Box, None), f"{ROWS} None. {LIST}"),
    "one row": (lambda tx: tx.load(Box, {"name": "x"}), f"{ROWS} {{'name': 'x'}}. {LIST}"),
    "rows that begin nowhere": (
        lambda tx: tx.load(Box, [], start="1"),
        "`tx.load(start=...)` takes the number of the first row, and was given '1'. Write `start=2`.",
    ),
    "a key as text": (
        lambda tx: tx.ensure(Box(), by="name"),
        "`tx.ensure` says `by='name'`, which is no tuple of names. Write `by=('name',)`.",
    ),
    "no number": (
        lambda tx: tx.reserve(Box, "number", "3"),
        "`tx.reserve` takes a whole number from 1, and was given '3'. Write `tx.reserve(Invoice, "
        '"number", 10)`.',
    ),
    "a number of another kind": (
        lambda tx: tx.reserve(Box, "number", True),
        "`tx.reserve` takes a whole number from 1, and was given True. Write `tx.reserve(Invoice, "
        '"number", 10)`.',
    ),
    "none at all": (
        lambda tx: tx.reserve(Box, "number", 0),
        "`tx.reserve` takes a whole number from 1, and was given 0. Write `tx.reserve(Invoice, "
        '"number", 10)`.',
    ),
    "an actor that is none": (
        lambda tx: tx.dispatch(Opened(), actor=5),
        f'{ACTOR} 5. Write `actor="ada"`.',
    ),
    "a context that is none": (
        lambda tx: tx.dispatch(Opened(), context="desk"),
        f"{CONTEXT} 'desk'. Write `context={{\"desk\": True}}`.",
    ),
    "a commit": (
        lambda tx: tx.commit(),
        "`Transaction` has no `commit`. It commits at the end of its `with` block.",
    ),
    "a rollback": (
        lambda tx: tx.rollback(),
        "`Transaction` has no `rollback`. Let an exception leave its `with` block, and nothing is stored.",
    ),
    "a query": (
        lambda tx: tx.query(select(Box)),
        "`Transaction` has no `query`. Ask before it: `app.query(select(Order))`; one record is there by "
        "`tx.get(Order, id)`.",
    ),
}
APPS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a record that is stored by nobody": (
        lambda app: app.add(BOX),
        "`App` has no `add`. Write `with app.transaction() as tx: tx.add(order)`.",
    ),
    "facts by their place": (
        lambda app: Box("known"),  # type: ignore[call-arg, misc]
        "Box takes its facts by their names, and was given 'known'. Write `Box(name=...)`.",
    ),
    "a field that is misspelled": (
        lambda app: select(Box).where(Box.nmae == "x"),  # type: ignore[attr-defined]
        "Box has no field 'nmae'. Its fields are: id, name, number.",
    ),
    "all of no class": (lambda app: app.members(None), f"None {NO_CLASS}"),
    "all of one record": (lambda app: app.members(BOX), f"{BOX!r} {NO_CLASS}"),
    "a class of nobody": (
        lambda app: app.query(select(Other)),
        "The table other is no record class of this App, so it is held to no query policy and no "
        "tenant. Select "
        "classes.",
    ),
    "a function of no database": (
        lambda app: app.query(select(func.nope(Box.name))),
        "This query cannot be asked: no such function: nope. Say it with the attributes of the classes, "
        "`select(Order).where(Order.cents > 0)`.",
    ),
    "an order by nothing": (
        lambda app: app.query(select(Box).order_by("nope")),
        "This query cannot be asked: Can't resolve label reference for ORDER BY / GROUP BY / "
        "DISTINCT etc. Textual "
        "SQL expression 'nope' should be explicitly declared as text('nope'). Say it with the "
        "attributes of the "
        "classes, `select(Order).where(Order.cents > 0)`.",
    ),
    "a reader that is none": (
        lambda app: app.query(select(Box), actor=5),
        f'{ACTOR} 5. Write `actor="ada"`.',
    ),
    "an actor that no database keeps": (
        lambda app: app.dispatch(Opened(), actor=object),
        f'{ACTOR} {object!r}. Write `actor="ada"`.',
    ),
    "no depth": (
        lambda app: app.explain(BOX, "number", depth=0),
        "`app.explain(depth=...)` takes a whole number from 1, and was given 0. Write `depth=3`.",
    ),
    "a trace of no event": (
        lambda app: app.explain_dispatch(BOX),
        "`dispatch` takes an event, and Box is none. Use `tx.add` in `app.transaction()`.",
    ),
    "an activity by its name": (
        lambda app: app.activity("Opened", NOWHERE),
        "'Opened' is no activity that this App declares. Add it to the App's modules.",
    ),
    "an activity of nobody": (
        lambda app: app.activities(unknown),
        "Opened is no activity that this App declares. Add it to the App's modules.",
    ),
    "a step by its name": (
        lambda app: app.activities(opening, waiting_for="Shut"),
        "'Shut' is no step of the activity Opened, so nothing waits for it. Its steps are: Shut.",
    ),
    "a page of none": (
        lambda app: app.activities(opening, limit=0),
        "`app.activities(limit=...)` takes a whole number from 1, and was given 0. Write `limit=100`.",
    ),
    "a picture of no class": (
        lambda app: app.graph("Box", "number"),
        "'Box'.number is no state machine of this App. Name a class and a property declared as "
        "`computed(StateMachine(...))`.",
    ),
    "a picture of a property": (
        lambda app: app.graph(property="number"),
        "`app.graph` takes a class before a property, and was given 'number'. Write "
        '`app.graph(Order, "status")`.',
    ),
    "what nobody counts": (
        lambda app: app.unmatched(Other),
        "This needs Other, which is not part of this App. Add it to the App's modules.",
    ),
    "orphans of a number": (
        lambda app: app.orphans(5),
        "`app.orphans` takes a timedelta, and was given 5. Write `app.orphans(timedelta(minutes=5))`.",
    ),
    "a call by its record": (
        lambda app: app.attempts(BOX),
        f"`app.attempts` takes the id of a call, and was given {shortened(BOX)}. Write "
        "`app.attempts(call.id)`.",
    ),
    "values of no facts": (
        lambda app: app.migration(fill=["name"]),
        "`app.migration(fill=...)` takes a mapping by fact, and was given ['name']. Write "
        '`fill={"Order.email": ""}`.',
    ),
    "rules by their names": (
        lambda app: app.migration(acting="charge"),
        "`app.migration(acting=...)` takes a list of rules, and was given 'charge'. Write `acting=[charge]`.",
    ),
    "a migration of nothing": (
        lambda app: app.migrate("now"),
        "`app.migrate` takes what `app.migration()` gives, and was given 'now'. Write "
        "`app.migrate(app.migration())`.",
    ),
}
WAITING: dict[str, tuple[Callable[[Any], Awaitable[Any]], str]] = {
    "for a timedelta": (
        lambda app: app.settle(timedelta(seconds=1)),
        "`app.settle` takes a number of seconds, and was given datetime.timedelta(seconds=1). Write "
        "`app.settle(30)`.",
    ),
    "for the end of an id": (
        lambda app: app.cancel(NOWHERE),
        "`app.cancel` takes a call, and was given UUID('00000000-0000-0000-0000-00000000dead'). Write "
        "`app.cancel(app.get(Charge, id))`.",
    ),
    "for the answer of a name": (
        lambda app: app.ask("Charge", "query", NOWHERE),
        "No integration of this App serves 'Charge'.",
    ),
}


@pytest.mark.parametrize("use", TRANSACTIONS)
def test_a_transaction_says_what_it_takes(app: App, use: str) -> None:
    do, text = TRANSACTIONS[use]
    with pytest.raises(MillraceError) as refused, app.transaction() as tx:
        do(tx)
    assert str(refused.value) == text
    assert [box.name for box in app.query(select(Box))] == ["known"]


@pytest.mark.parametrize("use", APPS)
def test_an_app_says_what_it_takes(app: App, use: str) -> None:
    do, text = APPS[use]
    with pytest.raises(MillraceError) as refused:
        do(app)
    assert str(refused.value) == text


@pytest.mark.parametrize("use", WAITING)
def test_what_waits_says_what_for(app: App, use: str) -> None:
    do, text = WAITING[use]
    with pytest.raises(MillraceError) as refused:
        anyio.run(do, app)
    assert str(refused.value) == text


def test_an_app_is_not_closed_within_a_transaction(app: App) -> None:
    with pytest.raises(ClosedWithin), app.transaction() as tx:
        tx.add(Box(name="lost"))
        app.close()
    assert [box.name for box in app.query(select(Box))] == ["known"]


def test_a_transaction_is_not_waited_for(app: App) -> None:
    async def wait() -> None:
        async with app.transaction():  # type: ignore[attr-defined]
            pass

    with pytest.raises(EnteredAsynchronously):
        anyio.run(wait)


def test_what_nobody_has_is_missing_as_everywhere(app: App) -> None:
    assert not hasattr(app, "nonsense")
    assert not hasattr(Box, "nonsense")
    with app.transaction() as tx:
        assert not hasattr(tx, "commit")
