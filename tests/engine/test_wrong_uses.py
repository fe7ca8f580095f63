"""What a newcomer tries wrongly is refused with the name of the thing, and with what to write instead."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert
from sqlalchemy.orm import selectinload
from sqlmodel import col, select

from framework import (
    Admission,
    APICall,
    Count,
    Entity,
    Event,
    Field,
    Payload,
    Relationship,
    StateMachine,
    Transition,
    computed,
    derive,
    guard,
    on,
    policy,
)
from framework.app import App, Settings, opened
from framework.arguments import WrongArgument
from framework.clock import ManualClock
from framework.computations.policy import Reader
from framework.errors import MillraceError
from framework.integration import Integration
from framework.integration.registration import VerbWithoutClass
from framework.model.words import WrongArguments
from framework.runtime.errors import (
    NoSuchRecord,
    NotAnEvent,
    NotARecordOfThisApp,
    NotASelect,
    NotComparable,
    NotEntered,
    RelationNotLoaded,
    WhichRecord,
)
from framework.storage.criteria import CriterionOfAnother
from framework.storage.errors import UnsupportedDatabase
from framework.tenancy import Misdeclared
from framework.testing import NotEmittable, NothingDelivered, NotSaid, deliver, emit


class Step(StrEnum):
    OPEN = "open"
    SHUT = "shut"


class Closed(Event, table=True):
    box_id: UUID = Field(foreign_key="box.id", ondelete="CASCADE")


class Item(Entity, table=True):
    box_id: UUID | None = Field(default=None, foreign_key="box.id")
    price: int = 0


class Box(Entity, table=True):
    name: str = ""
    items: list[Item] = Relationship()

    count: int = computed(Count(items))
    step: Step = computed(StateMachine(Step.OPEN, Transition(Step.OPEN, Step.SHUT, when=on(Closed))))


MODULE = [Closed, Item, Box]
SELECT = "Write `app.query(select(Order))`; what changes records stands in `app.transaction()`."
A_LIST = "takes a list of integrations, as their factories make them, and was given"
EXAMPLE = "Pass `integrations=[create_stripe_integration(call=Charge)]`."
A_RECORD = (
    "is no record of a class that this App declares. Give a record, `Order(...)`, of a class in the App's "
    "modules; many at once are for `tx.add_all`."
)


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=database_url)) as app:
        with app.transaction() as tx:
            box = tx.add(Box(name="full"))
            tx.add(Box(name="bare"))
            tx.add(Item(box_id=box.id, price=5))
        yield app


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            lambda: App(Box),  # type: ignore[arg-type]  # that is the mistake, here and below
            "App(modules=...) takes a list of modules, or of lists of classes and rules, and was given "
            f"{Box!r}. Pass `modules=[business]`.",
        ),
        (
            lambda: App("business"),
            "App(modules=...) takes a list of modules, or of lists of classes and rules, and was given "
            "'business'. Pass `modules=[business]`.",
        ),
        (lambda: App([MODULE], ["stripe"]), f"App(integrations=...) {A_LIST} 'stripe'. {EXAMPLE}"),  # type: ignore[list-item]
        (
            lambda: App([MODULE], [Integration]),  # type: ignore[list-item]
            f"App(integrations=...) {A_LIST} {Integration!r}. {EXAMPLE}",
        ),
        (
            lambda: App([MODULE], settings={"works": False}),  # type: ignore[arg-type]
            "App(settings=...) takes Settings, and was given {'works': False}. Pass "
            "`settings=Settings(strict_reads=True)`.",
        ),
        (
            lambda: App([MODULE], database=None),  # type: ignore[arg-type]
            'App(database=...) takes a URL, and was given None. Pass `database="sqlite:///shop.db"`.',
        ),
    ],
)
def test_an_app_is_built_of_what_it_takes(build: Callable[[], App], text: str) -> None:
    with pytest.raises(WrongArgument) as refused:
        build()
    assert str(refused.value) == text


def coming(actor: str) -> str:
    return actor


async def waiting(*given: object) -> bool:
    return True


@pytest.mark.parametrize(
    ("setting", "must"),
    [
        ({"strict_calls": "no"}, "True or False"),
        ({"works": None}, "True or False"),
        ({"synchronous": "full"}, '"FULL" or "NORMAL"'),
        ({"patience": timedelta(seconds=5)}, "a number of seconds above 0"),
        ({"patience": -1}, "a number of seconds above 0"),
        ({"max_delivery_bytes": "1 MB"}, "a whole number of bytes above 0"),
        ({"tenancy": True}, "'required' or 'none'"),
        (
            {"authorize": {"operator": "x"}},
            'a function of the request, such as BearerTokens({"operator": AuthRef("env://API_TOKEN")})',
        ),
        ({"permits": coming}, "a plain function (actor, action, call) -> bool"),
        ({"permits": waiting}, "a plain function (actor, action, call) -> bool"),
        (
            {"tenancy": "required", "tenant_of": {"ada": "acme"}},
            'a plain function of the actor, such as `{"operator": "acme"}.get`',
        ),
    ],
)
def test_a_setting_is_what_it_can_be(setting: dict[str, Any], must: str) -> None:
    name, given = list(setting.items())[-1]
    with pytest.raises(Misdeclared) as refused:
        App([MODULE], settings=Settings(**setting))
    assert str(refused.value) == f"Settings({name}={given!r}) cannot be: it is {must}."


def test_a_setting_that_is_misspelled_is_named() -> None:
    with pytest.raises(WrongArguments, match=r"`Settings` cannot be declared like this: it has no 'workz'\."):
        Settings(workz=True)  # type: ignore[call-arg]


@pytest.mark.parametrize("clock", [5, "now", ManualClock, datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_clock_says_what_time_it_is(clock: Any) -> None:
    with pytest.raises(WrongArgument) as refused:
        App([MODULE], clock=clock)
    assert str(refused.value) == (
        f"App(clock=...) takes a clock, and was given {clock!r}. Pass `clock=ManualClock(datetime.now(UTC))`."
    )


@pytest.mark.parametrize("url", ["shop.db", "mysql://shop"])
def test_a_database_that_is_none_is_found_when_the_app_is_built(url: str) -> None:
    with pytest.raises(UnsupportedDatabase, match=r"Use `sqlite:///path\.db`"):
        App([MODULE], database=url)


USES: list[tuple[Callable[[App], Any], type[MillraceError], str]] = [
    (
        lambda app: app.dispatch(Closed),  # type: ignore[type-var]
        NotAnEvent,
        f"`dispatch` takes an event, and {Closed!r} is none. Make a record of an Event class: "
        "`OrderPlaced(...)`.",
    ),
    (
        lambda app: app.dispatch(Box()),  # type: ignore[type-var]
        NotAnEvent,
        "`dispatch` takes an event, and Box is none. Use `tx.add` in `app.transaction()`.",
    ),
    (
        lambda app: app.query(Box),  # type: ignore[call-overload]
        NotASelect,
        f"Only a `select(...)` can be asked, and {Box!r} is none. {SELECT}",
    ),
    (
        lambda app: app.query("SELECT * FROM box"),  # type: ignore[call-overload]
        NotASelect,
        f"Only a `select(...)` can be asked, and 'SELECT * FROM box' is none. {SELECT}",
    ),
    (
        lambda app: app.get(Box),
        WhichRecord,
        "There are many records of Box. Say which, by its id: `Box, id`.",
    ),
    (
        lambda app: app.explain(Box, "count"),
        WhichRecord,
        "There are many records of Box. Say which, by its id: `Box, id`.",
    ),
    (
        lambda app: app.transaction().add(Box()),  # type: ignore[attr-defined]
        NotEntered,
        "A transaction has no add before it is entered. Write `with app.transaction() as tx:`, and use that "
        "`tx`.",
    ),
]


@pytest.mark.parametrize(("use", "error", "text"), USES)
def test_a_wrong_use_names_the_right_one(
    use: Callable[[App], Any], error: type[Exception], text: str
) -> None:
    with opened(App([MODULE])) as app:
        with pytest.raises(error) as refused:
            use(app)
        assert str(refused.value) == text


@pytest.mark.parametrize("thing", [Box, {"name": "x"}, [1]])
def test_what_is_added_is_a_record(thing: Any) -> None:
    with opened(App([MODULE])) as app:
        with pytest.raises(NotARecordOfThisApp) as refused, app.transaction() as tx:
            tx.add(thing)
        assert str(refused.value) == f"{thing!r} {A_RECORD}"


def test_a_query_changes_nothing(app: App) -> None:
    for statement in (delete(Box), insert(Box).values(name="new")):
        with pytest.raises(NotASelect):
            app.query(statement)  # type: ignore[call-overload]
    assert len(app.query(select(Box))) == 2


def test_a_relation_is_asked_for_with_its_record(app: App) -> None:
    (found,) = app.query(select(Box).where(Box.name == "full"))
    for box in (found, app.get(Box, found.id)):
        with pytest.raises(RelationNotLoaded) as refused:
            _ = box.items
        assert str(refused.value) == (
            "Box.items was not asked for with the record. Load it along: "
            "`select(Box).options(selectinload(Box.items))`, of `sqlalchemy.orm`, in `app.query`."
        )
    loading: Any = selectinload(Box.items)  # type: ignore[arg-type]  # to type checkers it is a list
    (loaded,) = app.query(select(Box).where(Box.name == "full").options(loading))
    assert [item.price for item in loaded.items] == [5]


def test_a_relation_is_no_secret_to_a_reader_with_a_policy(database_url: str) -> None:
    @policy(Item, hides=("price",))
    def items(reader: Reader) -> bool:
        return True

    with opened(App([MODULE, [items]], database=database_url)) as app:
        with app.transaction() as tx:
            tx.add(Item(box_id=tx.add(Box()).id, price=5))
        loading: Any = selectinload(Box.items)  # type: ignore[arg-type]
        (box,) = app.query(select(Box).options(loading), actor="ada")
        (item,) = box.items
        with pytest.raises(MillraceError, match=r"Item\.price"):
            _ = item.price
        (plain,) = app.query(select(Box), actor="ada")
        with pytest.raises(RelationNotLoaded):
            _ = plain.items


def test_a_criterion_speaks_of_the_class_whose_records_change(app: App) -> None:
    for change in (
        lambda tx: tx.delete_where(Box, Item.price == 5),
        lambda tx: tx.update_where(Box, Item.price == 5, name="new"),
    ):
        with pytest.raises(CriterionOfAnother) as refused, app.transaction() as tx:
            change(tx)
        assert str(refused.value) == (
            "The criterion reads the table item, so that it would hold of all records of Box or of none. Say "
            "which of them belong together: `Box.id.in_(select(...))`."
        )
    with app.transaction() as tx:
        dear = select(Item.box_id).where(Item.price == 5)
        assert tx.update_where(Box, col(Box.id).in_(dear), name="dear") == 1
    assert sorted(box.name for box in app.query(select(Box))) == ["bare", "dear"]


def test_a_condition_looks_for_values_that_there_may_be(database_url: str) -> None:
    @guard(Closed)
    def known(event: Closed, admission: Admission) -> bool:
        return bool(admission.find(Item, box_id="full"))

    with opened(App([MODULE, [known]], database=database_url)) as other:
        with other.transaction() as tx:
            box = tx.add(Box()).id
        with pytest.raises(NotComparable) as refused:
            other.dispatch(Closed(box_id=box))
    assert str(refused.value) == (
        "Item.box_id is declared as UUID, and is never compared with 'full'. Compare it with a UUID: "
        "`UUID(text)`."
    )


def test_a_verb_names_its_class() -> None:
    integration: Any = Integration("vendor")
    with pytest.raises(VerbWithoutClass) as wrong:

        @integration.call
        async def charge(call: object, http: object) -> None:
            """It would be registered for itself."""

    assert str(wrong.value) == (
        "The verb `call` stands above charge without the class that it is for. Write "
        "`@integration.call(Charge)`."
    )


@pytest.mark.parametrize("given", [(Box(), "completed"), (None, "completed")])
def test_events_are_emitted_about_calls(given: tuple[Any, Any]) -> None:
    with opened(App([MODULE])) as app, pytest.raises(NotEmittable, match=r"cannot be emitted\. Give a call"):
        emit(app, *given)


class Paper(Payload):
    url: str


class Print(APICall, table=True):
    request: Paper
    result: Paper | None = None


class Page(Entity, table=True):
    url: str = "/"


@derive
def printed(page: Page) -> Print:
    return Print(request=Paper(url=page.url))


@pytest.fixture(scope="module")
def press() -> Iterator[App]:
    with opened(App([[Page, Print, printed]])) as app:
        with app.transaction() as tx:
            tx.add(Page())
        yield app


@pytest.mark.parametrize(
    ("kind", "given", "reason"),
    [
        ("completed", {"result": {"url": "/"}}, "it is declared as a Paper"),
        ("failed", {"result": Paper(url="/")}, "it comes with 'completed', and not with 'failed'"),
        ("failed", {"reason": None}, "it is a text"),
        ("completed", {"external_id": 5}, "it is a text"),
        (
            "completed",
            {"occurred_at": datetime.fromisoformat("2026-01-01")},
            "a moment has its time zone: `datetime(..., tzinfo=UTC)`",
        ),
    ],
)
def test_what_is_emitted_is_what_vendors_say(
    press: App, kind: Any, given: dict[str, Any], reason: str
) -> None:
    (call,) = press.query(select(Print))
    ((name, value),) = given.items()
    with pytest.raises(NotSaid) as refused:
        emit(press, call, kind, **given)
    assert str(refused.value) == f"No vendor says `{name}={value!r}` of a Print: {reason}."
    assert press.get(Print, call.id).status == "pending"


def test_what_is_emitted_is_about_a_call_that_is_there(press: App) -> None:
    with pytest.raises(NoSuchRecord, match="There is no Print with the id"):
        emit(press, Print(request=Paper(url="/")), "completed")


def test_what_is_delivered_is_delivered_somewhere(press: App) -> None:
    with pytest.raises(NothingDelivered) as refused:
        deliver(press, "printer", "events", b"{}")
    assert str(refused.value) == ("This App takes no delivery at 'printer/events'. It takes some at: none.")
