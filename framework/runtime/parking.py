"""What a unique column has while its value is exchanged: nothing, or, if that may not be, what nobody has."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid

from framework.plan.shape import Shape

_ALL = 2**128 - 1


def can_be_parked(shape: Shape, name: str) -> bool:
    """Whether there is a value that nobody has: for a key there is none, which must lead somewhere."""
    column = shape.table.c[name]
    return not column.foreign_keys and isinstance(column.type, Text | BigInteger | Uuid)


def parked(shape: Shape, name: str, id: UUID) -> Any:
    """What the database has in the column of this record until the exchange is over."""
    column = shape.table.c[name]
    if column.nullable:
        return None
    match column.type:
        case Text():
            return f"parked by millrace {id}"
        case BigInteger():
            return -(id.int % 2**62) - 1
        case _:
            return UUID(int=id.int ^ _ALL)
