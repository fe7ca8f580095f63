"""Records are made without SQLAlchemy's state, and have it when it is asked for."""

from copy import copy

import pytest
from sqlalchemy import inspect
from sqlmodel import Session, create_engine, select

from framework import Entity, Field
from framework.model.record import MissingField, UnknownField


class Leaf(Entity, table=True):
    name: str
    size: int = 1
    tags: list[str] = Field(default=[])


@pytest.fixture
def first() -> Leaf:
    return Leaf(name="first")


def test_only_who_asks_for_the_state_of_a_record_has_it_made(first: Leaf) -> None:
    leaf = Leaf(name="a")
    assert "_sa_instance_state" not in leaf.__dict__
    assert inspect(leaf).transient
    assert "_sa_instance_state" in leaf.__dict__


def test_a_field_can_be_set_before_the_record_is_stored(first: Leaf) -> None:
    leaf = Leaf(name="a")
    leaf.size = 3
    assert (leaf.name, leaf.size, copy(leaf).size) == ("a", 3, 3)


def test_a_session_takes_a_record_and_reads_it_back(first: Leaf) -> None:
    engine = create_engine("sqlite://")
    Leaf.__table__.create(engine)  # type: ignore[attr-defined]
    with Session(engine) as session:
        session.add(Leaf(name="a", size=2))
        session.commit()
        assert session.exec(select(Leaf.name, Leaf.size)).all() == [("a", 2)]


def test_a_default_is_nobody_elses(first: Leaf) -> None:
    one, other = Leaf(name="a"), Leaf(name="b")
    one.tags.append("x")
    assert other.tags == []
    assert one.id != other.id


def test_what_was_given_is_known(first: Leaf) -> None:
    assert Leaf(name="a", size=1).__pydantic_fields_set__ == {"name", "size"}


def test_what_is_missing_and_what_is_unknown_is_named(first: Leaf) -> None:
    with pytest.raises(MissingField, match="name"):
        Leaf(size=2)  # type: ignore[call-arg]
    with pytest.raises(UnknownField, match="'colour'"):
        Leaf(name="a", colour="red")  # type: ignore[call-arg]


def test_a_class_with_an_init_of_its_own_is_made_by_it() -> None:
    class Twig(Entity, table=True):
        name: str

        def __init__(self, **facts: object) -> None:
            super().__init__(**{"name": "twig", **facts})

    assert [Twig().name, Twig().name, Twig(name="b").name] == ["twig", "twig", "b"]
