"""What a class body of a record cannot say is refused when the class is made, with the way out."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import CheckConstraint, Column, Integer

from framework import (
    Entity,
    Field,
    Formula,
    Index,
    Payload,
    Relationship,
    Unique,
    computed,
    subset,
)
from framework.errors import DeclarationError


class Item(Entity, table=True):
    box_id: UUID | None = Field(default=None, foreign_key="box.id")


def made(body: dict[str, Any], **options: Any) -> str:
    """What is said of a class `Box` with this body, in which a value with its type is a pair of both."""
    annotations = {name: one[0] for name, one in body.items() if isinstance(one, tuple) and len(one) == 2}
    values = {name: body[name][1] if name in annotations else body[name] for name in body}
    place = {"__module__": __name__, "__qualname__": "Box", "__annotations__": annotations}
    with pytest.raises(DeclarationError) as refused:
        type(Entity)("Box", (Entity,), {**place, **values}, **{"table": True, **options})
    return str(refused.value)


TAKES = (
    "says nothing that a record class takes. Say `table=True` of a class with a table, or of a view "
    "`where=lambda record: ...` and `reads=(...)`."
)
KEY = 'Write the table and its id as text: `foreign_key="order.id"`.'
ITS_OWN = (
    "by which its column would not keep what is declared. Leave it out: the annotation says which column"
)
ARGUMENTS = (
    'Write a tuple of `Unique` and `Index`, with its comma: `__table_args__ = (Unique("email"),)`; '
    "values are "
    "checked by their fields, `Field(gt=0)`."
)
MANY = "Annotate it `list[Item]` if it leads to many records, `Item` or `Item | None` if it leads to one."
check = CheckConstraint("n > 0")
BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "computed of no type": (
        {"count": computed(Formula(lambda box: 1))},
        "Box.count has no annotation. Say what it is: `count: int = computed(Formula(...))`.",
    ),
    "a relation of no type": (
        {"items": Relationship()},
        "Box.items has no annotation. Say what it is: `items: list[Item] = Relationship()`.",
    ),
    "a part of no type": (
        {"dear": subset(Item, lambda item: True)},
        "Box.dear has no annotation. Say what it is: `dear: list[Item] = subset(...)`.",
    ),
    "a field of no type": (
        {"n": Field(default=0)},
        "Box.n has no annotation. Say what it is: `n: int = Field(...)`.",
    ),
    "a fact of no type": ({"n": 5}, "Box.n has no annotation. Say what it is: `n: int = 5`."),
    "a name of SQLAlchemy": (
        {"metadata": (str, "")},
        "Box.metadata cannot be declared: SQLAlchemy has that name for itself. Call it otherwise.",
    ),
    "a name of pydantic": (
        {"model_fields": (str, "")},
        "Box.model_fields cannot be declared: pydantic has that name for itself. Call it otherwise.",
    ),
    "a column of its own": (
        {"n": (int, Field(sa_column=Column(Integer)))},
        f"Box.n says `sa_column=...`, {ITS_OWN} it is.",
    ),
    "a type of its own": (
        {"n": (int, Field(sa_type=Integer))},
        f"Box.n says `sa_type=...`, {ITS_OWN} it is.",
    ),
    "another name": (
        {"n": (int, Field(alias="number"))},
        f"Box.n says `alias=...`, {ITS_OWN} it is; what others call it is for the code that reads what they "
        "say.",
    ),
    "a key that is a class": (
        {"item_id": (UUID, Field(foreign_key=Item))},
        f"Box.item_id says `foreign_key={Item!r}`, which names no column. {KEY}",
    ),
    "a key that is a table": (
        {"item_id": (UUID, Field(foreign_key="item"))},
        f"Box.item_id says `foreign_key='item'`, which names no column. {KEY}",
    ),
    "a key that is None": (
        {"item_id": (UUID, Field(foreign_key=None))},
        f"Box.item_id says `foreign_key=None`, which names no column. {KEY}",
    ),
    "a second id": (
        {"code": (str, Field(primary_key=True))},
        "Box.code is declared with `primary_key=True`, but a record is told apart by its `id`. Declare "
        "`unique=True` instead.",
    ),
    "let go of what is needed": (
        {"item_id": (UUID, Field(foreign_key="item.id", ondelete="SET NULL"))},
        'Box.item_id is to be None when the record that it refers to is gone (`ondelete="SET '
        'NULL"`), but is '
        'annotated UUID. Annotate it `UUID | None`, or say "CASCADE" or "RESTRICT".',
    ),
    "a table that is a number": (
        {"__tablename__": 5},
        "Box.__tablename__ is 5, which names no table. Give it a text, or leave it out.",
    ),
    "a table without a name": (
        {"__tablename__": ""},
        "Box.__tablename__ is '', which names no table. Give it a text, or leave it out.",
    ),
    "a former name as text": (
        {"__renamed__": "Crate"},
        'Box.__renamed__ is \'Crate\'. Write `__renamed__ = Renamed("FormerName", field="former_name")`.',
    ),
    "arguments without a comma": (
        {"n": (int, 0), "__table_args__": Unique("n")},
        f"Box.__table_args__ is Unique('n'). {ARGUMENTS}",
    ),
    "arguments of a table": (
        {"n": (int, 0), "__table_args__": {"schema": "x"}},
        f"Box.__table_args__ is {{'schema': 'x'}}. {ARGUMENTS}",
    ),
    "a check in SQL": (
        {"n": (int, 0), "__table_args__": (check,)},
        f"Box.__table_args__ is ({check!r},). {ARGUMENTS}",
    ),
    "an index by its name": (
        {"n": (int, 0), "__table_args__": (Index("n"),)},
        "Box has an Index('n') of no field: what comes first is its name. Write `Index(\"ix_of_n\", "
        '"n")`, or '
        "`Field(index=True)` at one field.",
    ),
    "an index of what is not there": (
        {"n": (int, 0), "__table_args__": (Index("ix", "m"),)},
        "Box cannot be made a record class: Can't create Index on table 'box': no column named 'm' "
        "is present. "
        "Declare facts as `name: str`, relations as `items: list[Item] = Relationship()`, and what "
        "is computed "
        "as `count: int = computed(Count(items))`.",
    ),
    "a relation that is a set": (
        {"items": (set[Item], Relationship())},
        f"Box.items is a relation, but is annotated {set[Item]}. {MANY}",
    ),
    "a relation that is a dictionary": (
        {"items": (dict[str, Item], Relationship())},
        f"Box.items is a relation, but is annotated {dict[str, Item]}. {MANY}",
    ),
}


@pytest.mark.parametrize("mistake", BODIES)
def test_a_body_says_what_can_be_declared(mistake: str) -> None:
    body, text = BODIES[mistake]
    assert made(body) == text


@pytest.mark.parametrize("option", [{"tabel": True}, {"table": "yes"}, {"frozen": True}])
def test_a_class_says_what_a_record_class_takes(option: dict[str, Any]) -> None:
    ((name, given),) = option.items()
    assert made({"n": (int, 0)}, **option) == f"`class Box(..., {name}={given!r})` {TAKES}"


def test_a_payload_has_no_table() -> None:
    with pytest.raises(DeclarationError) as refused:

        class Paper(Payload, table=True):
            url: str

    assert str(refused.value) == (
        "`class Paper(Payload, table=True)` cannot be: a payload is a value in a field of a record, "
        "and has no "
        "table. Declare `class Paper(Entity, table=True)` for a record of its own, or leave it out."
    )


def test_constants_and_methods_need_no_annotation() -> None:
    class Crate(Entity, table=True):
        _limit = 5
        n: int = 0

        def is_full(self) -> bool:
            return self.n >= 5

        @property
        def room(self) -> int:
            return 5 - self.n

    assert Crate(n=5).is_full()
    assert Crate(n=3).room == 2
