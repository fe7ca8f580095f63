"""Records are plain values until they enter an App; their ids follow the order of their making."""

import threading
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlmodel import select

from framework import Count, Entity, Event, Field, Formula, Global, Relationship, computed
from framework.app import App, opened
from framework.model.fields import table_name
from framework.model.identity import new_id


@pytest.mark.parametrize(
    ("name", "table"),
    [("Order", "order"), ("OrderPlaced", "order_placed"), ("APICall", "api_call"), ("S3Copy", "s3_copy")],
)
def test_a_table_is_called_like_its_class(name: str, table: str) -> None:
    assert table_name(name) == table


def test_ids_ascend_and_are_of_version_7() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 5000
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}


def test_ids_of_many_threads_differ_and_ascend_in_each() -> None:
    made: list[list[UUID]] = []

    def make() -> None:
        made.append([new_id() for _ in range(1000)])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ids == sorted(ids) for ids in made)
    assert len({id for ids in made for id in ids}) == 8000


def test_an_id_says_when_it_was_made() -> None:
    before = datetime.now(UTC).timestamp()
    made = (new_id().int >> 80) / 1000
    assert before - 1 <= made <= datetime.now(UTC).timestamp() + 1


class Part(Entity, table=True):
    box_id: UUID = Field(foreign_key="box.id")


class Box(Entity, table=True):
    name: str
    tags: list[str] = []
    parts: list[Part] = Relationship()
    count: int = computed(Count(parts))
    shout: str = computed(Formula(lambda box: box.name.upper()))

    @property
    def title(self) -> str:
        return f"{self.name} ({self.count})"


class Shaken(Event, table=True):
    box_id: UUID


class Boxes(Global, table=True):
    count: int = computed(Count(Box))


def test_a_record_has_its_facts_and_what_is_computed_of_nothing() -> None:
    box = Box(name="a")
    assert (box.name, box.tags, box.count, box.shout) == ("a", [], 0, None)
    assert box.title == "a (0)"


def test_an_event_has_a_moment_in_utc() -> None:
    assert Shaken(box_id=UUID(int=1)).at.tzinfo is UTC


def test_a_global_has_one_id() -> None:
    assert Boxes().id == UUID(int=0)


def test_an_unknown_attribute_is_an_error_as_usual() -> None:
    with pytest.raises(AttributeError):
        Box(name="a").colour  # type: ignore[attr-defined]  # noqa: B018  # the mistake


def test_records_that_were_read_can_be_compared_and_dumped() -> None:
    with opened(App([[Part, Box, Boxes, Shaken]])) as app:
        with app.transaction() as tx:
            id = tx.add(Box(name="a", tags=["x"])).id
        got, (found,) = app.get(Box, id), app.query(select(Box))
        assert got == found
        assert got.model_dump() == {"id": id, "name": "a", "tags": ["x"], "count": 0, "shout": "A"}
        assert got.title == "a (0)"
        assert "Box" in repr(got)


def test_hidden_columns_stay_hidden() -> None:
    with opened(App([[Part, Box, Boxes, Shaken]])) as app:
        with app.transaction() as tx:
            id = tx.add(Box(name="a")).id
        assert not [
            name
            for name in app.get(Box, id).__dict__
            if name.startswith("_") and name != "_sa_instance_state"
        ]
