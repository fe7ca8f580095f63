"""A database remembers what it was made for, and says what is otherwise now."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import select

from framework import Count, Entity, Field, Global, Index, Relationship, Sum, Unique, computed, derive
from framework.app import App
from framework.storage.errors import MigrationUnfinished, SchemaDiffers
from tests.engine.conftest import database_url
from tests.engine.shop import MODULE

__all__ = ["database_url"]


def stall(
    *,
    kind: Any = int,
    sized: Any = Field(default=1),
    table_args: tuple[Any, ...] = (),
    over: int = 0,
    ondelete: str | None = None,
) -> list[Any]:
    class Fruit(Entity, table=True):
        __table_args__ = table_args
        basket_id: UUID = Field(foreign_key="basket.id", ondelete=ondelete)  # type: ignore[arg-type]
        weight: kind
        size: int = sized

    class Basket(Entity, table=True):
        fruits: list[Fruit] = Relationship()
        many: int = computed(Count(fruits, where=lambda fruit: fruit.size > over))

    return [Fruit, Basket]


def differences(url: str, module: list[Any]) -> str:
    with pytest.raises(SchemaDiffers) as caught:
        App([module], database=url).create()
    return str(caught.value.differences)


def made(url: str, module: list[Any]) -> None:
    app = App([module], database=url)
    app.create()
    app.close()


def test_a_database_fits_the_app_that_made_it(database_url: str) -> None:
    made(database_url, MODULE)
    app = App([MODULE], database=database_url)
    standing = app.engine.database.standing()
    assert standing.differences == []
    assert standing.declaration is not None
    assert standing.declaration.rows == app.engine.database.declaration.rows
    app.create()
    app.close()


def test_each_way_to_differ_is_said(database_url: str) -> None:
    made(database_url, stall())
    made(database_url, stall())
    assert "fruit.weight is BIGINT NOT NULL, not TEXT NOT NULL" in differences(database_url, stall(kind=str))
    assert "fruit.weight is BIGINT NOT NULL, not BIGINT" in differences(database_url, stall(kind=int | None))
    assert "fruit has no index on size" in differences(
        database_url, stall(sized=Field(default=1, index=True))
    )
    unique = stall(table_args=(Unique("size", "weight"),))
    assert "fruit is not unique by size, weight" in differences(database_url, unique)
    indexed = stall(
        table_args=(
            Index("by_size", "size", sqlite_where=text("size > 3"), postgresql_where=text("size > 3")),
        )
    )
    assert "fruit has no index on size where size > 3" in differences(database_url, indexed)
    cascade = stall(ondelete="CASCADE")
    assert "fruit has no reference basket_id to basket on delete CASCADE" in differences(
        database_url, cascade
    )


def test_another_computation_of_the_same_columns_is_said(database_url: str) -> None:
    made(database_url, stall())
    assert differences(database_url, stall(over=2)) == "Basket.many is computed otherwise"


class Pear(Entity, table=True):
    weight: int = 1


class Jam(Entity, table=True):
    pear_id: UUID = Field(foreign_key="pear.id")


class Larder(Global, table=True):
    weight: int = computed(Sum(Pear, lambda pear: pear.weight))


@derive
def jam(pear: Pear) -> Jam:
    return Jam(pear_id=pear.id)


def test_a_class_that_is_added_counts_what_was_there(database_url: str) -> None:
    app = App([[Pear]], database=database_url)
    app.create()
    with app.transaction() as tx:
        tx.add(Pear(weight=4))
    app.close()
    app = App([[Pear, Larder]], database=database_url)
    app.create()
    assert app.get(Larder).weight == 4
    app.close()


def test_a_rule_over_old_records_is_not_added_in_passing(database_url: str) -> None:
    made(database_url, [Pear])
    assert differences(database_url, [Pear, Jam, jam]).endswith("test_declared.jam is new")


def test_a_database_that_remembers_nothing_is_taken_over_if_it_fits(database_url: str) -> None:
    made(database_url, stall())
    app = App([stall()], database=database_url)
    with app.engine.database.altering() as connection:
        for table in ("declaration", "migration", "spared"):
            connection.execute(text(f"DROP TABLE millrace_{table}"))
    app.create()
    assert app.engine.database.standing().declaration is not None
    app.close()
    assert differences(database_url, stall(over=2)) == "Basket.many is computed otherwise"


def test_an_app_does_not_start_in_the_middle_of_a_migration(database_url: str) -> None:
    made(database_url, stall())
    app = App([stall()], database=database_url)
    with app.engine.database.altering() as connection:
        connection.execute(text("INSERT INTO millrace_migration (id, task) VALUES (1, '{}')"))
    app.close()
    for use in (app.create, app.verify, lambda: app.query(select(app.plan.named("Basket").model))):
        with pytest.raises(MigrationUnfinished, match="goes on where it was"):
            use()
