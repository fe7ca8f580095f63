"""A migration of many tenants' records brings each to what it would be, had nobody else been there."""

import signal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlmodel import select

from framework import Entity, Field, derive, tenant
from framework.app import App
from framework.cli import migrating
from framework.migration.backfill import Reached
from framework.migration.errors import FactsWouldBeLost, MigrationRefused
from framework.migration.progress import unfinished
from framework.storage.errors import MigrationUnfinished, SchemaDiffers
from framework.storage.rowsecurity import unprotected
from framework.storage.violation import Violation
from framework.tenancy import nobody
from tests.migration.test_killed import migrate
from tests.migration.test_migration import Phase, thing
from tests.tenancy.conftest import REQUIRED, TENANTS
from tests.tenancy.shops import SALES, made, open_after, open_before
from tests.tenancy.test_second_wall import SHARED

EXPECTED = {
    "acme": {
        "Order": [("0@acme", 120, 3, 1), ("1@acme", 7, 1, 2)],
        "Label": ["0@ACME", "1@ACME"],
        "Item": [(5, "thing"), (20, "thing"), (100, "thing"), (7, "thing")],
        "Books": ("more of acme", 127, 2),
        "Shelf": 4,
    },
    "bolt": {
        "Order": [("0@bolt", 50, 1, 1)],
        "Label": ["0@BOLT"],
        "Item": [(50, "thing")],
        "Books": ("more of bolt", 50, 1),
        "Shelf": 1,
    },
    "cork": {"Order": [], "Label": [], "Item": [], "Books": ("more of cork", 0, 0), "Shelf": 0},
}


@pytest.fixture
def url(database_url: str) -> str:
    return made(database_url)


def models(app: App, *names: str) -> list[Any]:
    return [app.plan.named(name).model for name in names]


def seen(app: App) -> dict[str, dict[str, Any]]:
    """What each tenant has."""
    order, label, item, books, shelf = models(app, "Order", "Label", "Item", "Books", "Shelf")
    found: dict[str, dict[str, Any]] = {}
    for name in app.tenants():
        with tenant(name):
            assert app.verify() == []
            orders = app.query(select(order).order_by(order.id))
            items = app.query(select(item).order_by(item.order_id, item.id))
            found[name] = {
                "Order": [(one.email, one.total, one.count, one.number) for one in orders],
                "Label": sorted(one.text for one in app.query(select(label))),
                "Item": [(one.cents, one.kind) for one in items],
                "Books": (app.get(books).motto, app.get(books).revenue, app.get(books).labels),
                "Shelf": app.get(shelf).items,
            }
    return found


def test_each_tenant_has_what_it_would_have_alone(url: str) -> None:
    app = open_after(url)
    with pytest.raises(SchemaDiffers, match="millrace migrate"):
        app.create()
    plan = app.migration()
    assert {str(one) for one in plan.changes} >= {
        "Item.kind: a new fact, 5 rows get 'thing'",
        "Item: new index on kind",
        "Order.email: was Order.mail",
        "Order.total: is computed otherwise",
        "Order.count: a new property",
        "Label: a new class",
    }
    assert not any("_tenant" in str(one) for one in plan.changes)
    reached: list[Reached] = []
    assert app.migrate(plan, report=reached.append) == []
    assert list(dict.fromkeys(one.tenant for one in reached)) == list(TENANTS)
    app.create()
    assert app.migration().is_empty
    assert seen(app) == EXPECTED
    app.close()


def test_no_old_record_of_any_tenant_is_charged_not_even_when_it_is_edited(url: str) -> None:
    app = open_after(url)
    assert app.migrate() == []
    charge, order = models(app, "Charge", "Order")
    for name in TENANTS:
        with tenant(name):
            for n in range(len(SALES[name])):
                with app.transaction() as tx:
                    tx.update(order, UUID(int=n + 1), email=f"new{n}")
            assert app.query(select(charge)) == []
            with app.transaction() as tx:
                new = tx.add(order(email="later"))
            assert [one.order_id for one in app.query(select(charge))] == [new.id]
            assert app.get(order, new.id).number == len(SALES[name]) + 1
            assert app.verify() == []
    app.close()


def test_a_rule_that_is_told_to_acts_for_the_records_of_each_tenant(url: str) -> None:
    app = open_after(url)
    (rule,) = [node.rule for node in app.plan.nodes if getattr(node, "rule", None) and "charge" in node.name]
    assert app.migrate(app.migration(acting=[rule])) == []
    (charge,) = models(app, "Charge")
    for name in TENANTS:
        with tenant(name):
            assert len(app.query(select(charge))) == len(SALES[name])
    app.close()


def test_killed_in_the_midst_of_the_second_tenant_it_goes_on_there(url: str) -> None:
    """It dies before its twentieth statement for `bolt`."""
    assert migrate(url, 20, "bolt") == -signal.SIGKILL
    app = open_after(url)
    assert left(app) == ["bolt", "cork"], "it died when the first one was done"
    with pytest.raises(MigrationUnfinished):
        app.create()
    reached: list[Reached] = []
    assert app.migrate(report=reached.append) == []
    assert (reached[0].tenant, reached[0].number > 1) == ("bolt", True)
    assert left(app) == []
    app.create()
    assert seen(app) == EXPECTED
    app.close()


def left(app: App) -> list[str | None]:
    """The tenants that a migration has not come to the end of."""
    database = app._open_database()
    with database.inspecting() as connection:
        found = [one.tenant for one in unfinished(connection, database.tables)]
    database.close()
    return found


def test_new_tables_are_behind_the_second_wall(plain_url: str) -> None:
    app = open_after(made(plain_url))
    assert app.migrate() == []
    app.create()
    app.engine.database.check()
    with nobody(), app.engine.database.reading() as connection:
        assert unprotected(connection) == SHARED
    with tenant("acme"):
        rows = app.engine.write(lambda tx: tx.work.connection.rows("SELECT _tenant, text FROM label"))
        assert sorted(rows) == [("acme", "0@ACME"), ("acme", "1@ACME")]
        foreign = "UPDATE label SET text = 'mine' WHERE _tenant = 'bolt' RETURNING id"
        assert app.engine.write(lambda tx: tx.work.connection.rows(foreign)) == []
    with nobody(), app.engine.database.reading() as connection:
        assert connection.rows("SELECT * FROM label") == []
    app.close()
    with psycopg.connect(plain_url) as raw:  # the owner of the table, who says nothing of tenants
        assert raw.execute("SELECT count(*) FROM label").fetchone() == (0,)
        assert raw.execute('SELECT count(*) FROM "order"').fetchone() == (0,)


def user(**fields: Any) -> list[Any]:
    annotations = {name: one[0] if isinstance(one, tuple) else one for name, one in fields.items()}
    values = {name: one[1] for name, one in fields.items() if isinstance(one, tuple)}
    namespace = {"__annotations__": annotations, "__module__": __name__, "__qualname__": "User", **values}
    return [type(Entity)("User", (Entity,), namespace, table=True)]


def users(url: str, module: list[Any], of: dict[str, list[dict[str, Any]]]) -> None:
    app = App([module], [], url, REQUIRED)
    app.create()
    for name, records in of.items():
        app.create_tenant(name)
        with tenant(name), app.transaction() as tx:
            for one in records:
                tx.add(module[0](**one))
    app.close()


ID = UUID(int=1)


def test_what_would_be_lost_is_counted_over_all_tenants(database_url: str) -> None:
    records = {"acme": [{"name": "a", "age": 3}, {"name": "b", "age": 4}], "bolt": [{"name": "a", "age": 5}]}
    users(database_url, user(name=str, age=int), records)
    app = App([user(name=str)], [], database_url, REQUIRED)
    plan = app.migration()
    assert [(one.what, one.lost) for one in plan.losses] == [("is gone, with 3 values", 3)]
    with pytest.raises(FactsWouldBeLost, match="3 values"):
        app.migrate(plan)
    assert app.migrate(plan, allow_loss=True) == []
    app.close()


def test_what_is_unique_is_unique_within_each_tenant(database_url: str) -> None:
    two = {"acme": [{"name": "a"}, {"name": "b"}], "bolt": [{"name": "a"}]}
    users(database_url, user(name=str), two)
    new = user(name=(str, Field(unique=True)))
    app = App([new], [], database_url, REQUIRED)
    assert str(app.migration()) == "User: unique by name"
    assert app.migrate() == []
    app.close()
    users(database_url, new, {"cork": [{"name": "a"}]})


def test_what_is_not_unique_within_a_tenant_is_counted(database_url: str) -> None:
    users(database_url, user(name=str), {"acme": [{"name": "a"}], "bolt": [{"name": "a"}, {"name": "a"}]})
    app = App([user(name=(str, Field(unique=True)))], [], database_url, REQUIRED)
    assert str(app.migration()) == "User: unique by name. It is not so in 2 rows (of bolt): change them first"
    app.close()


def test_a_reference_to_a_record_of_another_tenant_refers_to_nothing(database_url: str) -> None:
    records = {"acme": [{"id": ID, "boss_id": ID}], "bolt": [{"id": UUID(int=2), "boss_id": ID}]}
    users(database_url, user(boss_id=UUID), records)
    new = user(boss_id=(UUID, Field(foreign_key="user.id")))
    app = App([new], [], database_url, REQUIRED)
    assert "It refers to nothing in 1 row (of bolt)" in str(app.migration())
    app.close()


def test_a_reference_is_not_filled_with_a_record_of_another_tenant(database_url: str) -> None:
    users(database_url, user(name=str), {"acme": [{"id": ID, "name": "a"}], "bolt": [{"name": "b"}]})
    new = user(name=str, boss_id=(UUID, Field(foreign_key="user.id")))
    app = App([new], [], database_url, REQUIRED)
    with pytest.raises(Violation):
        app.migrate(app.migration(fill={"User.boss_id": ID}))
    assert not app.migration().resumes
    app.close()


def test_values_of_their_own_are_made_for_each_tenants_records(database_url: str) -> None:
    """Records of one id in two tenants are two records."""
    users(database_url, user(name=str), {name: [{"id": ID, "name": name}] for name in TENANTS})
    numbers = iter(range(7, 100))
    new = user(name=str, age=(int, Field(default_factory=lambda: next(numbers))))
    app = App([new], [], database_url, REQUIRED)
    assert app.migrate() == []
    for age, name in enumerate(TENANTS, 7):
        with tenant(name):
            assert (app.get(new[0], ID).name, app.get(new[0], ID).age) == (name, age)
    app.close()


def test_a_machine_that_has_changed_goes_on_from_where_it_is_with_each_tenant(database_url: str) -> None:
    """Things of one id have come to another state with each."""
    ages = {"acme": 2, "bolt": 1, "cork": 0}
    module = thing(Phase, (Phase.NEW, Phase.MIDDLE), (Phase.MIDDLE, Phase.OLD))
    app = App([module], [], database_url, REQUIRED)
    app.create()
    for name, age in ages.items():
        app.create_tenant(name)
        with tenant(name):
            with app.transaction() as tx:
                tx.add(module[0](id=ID))
            for _ in range(age):
                app.dispatch(module[1](thing_id=ID))
    app.close()
    other = thing(Phase, (Phase.NEW, Phase.OLD), (Phase.OLD, Phase.MIDDLE), (Phase.MIDDLE, Phase.NEW))
    app = App([other], [], database_url, REQUIRED)
    assert app.migrate() == []
    phases = {}
    for name in ages:
        with tenant(name):
            before = app.get(other[0], ID).phase
            app.dispatch(other[1](thing_id=ID))
            phases[name] = (before, app.get(other[0], ID).phase)
            assert app.verify() == []
    assert phases == {
        "acme": (Phase.OLD, Phase.MIDDLE),
        "bolt": (Phase.MIDDLE, Phase.NEW),
        "cork": (Phase.NEW, Phase.OLD),
    }
    app.close()


def test_what_a_rule_kept_equal_goes_with_the_rule_and_leaves_what_others_have_of_its_id(
    database_url: str,
) -> None:
    """`acme` keeps a note of its own under the id that is that of a rule's note with `bolt`."""

    def notes(*, ruled: bool) -> list[Any]:
        class Paper(Entity, table=True):
            text: str

        class Note(Entity, table=True):
            text: str

        @derive
        def note(paper: Paper) -> Note:
            return Note(id=paper.id, text=paper.text)

        return [Paper, Note, *([note] if ruled else [])]

    module = notes(ruled=True)
    app = App([module], [], database_url, REQUIRED)
    app.create()
    for name, model in (("acme", module[1]), ("bolt", module[0])):
        app.create_tenant(name)
        with tenant(name), app.transaction() as tx:
            tx.add(model(id=ID, text=name))
    app.close()
    module = notes(ruled=False)
    app = App([module], [], database_url, REQUIRED)
    assert [one.lost for one in app.migration().losses] == [1]
    assert app.migrate(allow_loss=True) == []
    found = {}
    for name in ("acme", "bolt"):
        with tenant(name):
            found[name] = [one.text for one in app.query(select(module[1]))]
    assert found == {"acme": ["acme"], "bolt": []}
    app.close()


@pytest.mark.parametrize("there", [True, False])
def test_records_do_not_cross_into_tenants_or_out_of_them(database_url: str, there: bool) -> None:
    app = App([user(name=str)], [], database_url, REQUIRED if there else None)
    app.create()
    app.close()
    other = App([user(name=str)], [], database_url, None if there else REQUIRED)
    with pytest.raises(SchemaDiffers):
        other.create()
    with pytest.raises(MigrationRefused, match='Settings\\(tenancy="required"\\)'):
        other.migrate(allow_loss=True)
    other.close()


def test_the_command_migrates_the_records_of_all_tenants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = made(f"sqlite:///{tmp_path}/shops.db")
    assert open_before(url).migration().is_empty
    for apply, expected in ((False, migrating.TO_DO), (True, migrating.DONE), (False, migrating.DONE)):
        app = open_after(url)
        assert migrating.migrate(app, apply=apply, allow_loss=False, fill=[], acting=[]) == expected
        app.close()
    said = capsys.readouterr().out
    assert said.index("Everything is as the facts say.") < said.index("There is nothing to migrate.")
