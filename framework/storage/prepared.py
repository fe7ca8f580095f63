"""The statements that one connection has said, and under which names the server has them prepared."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from psycopg.adapt import PyFormat

_MOST = 1024
"""At most so many statements are prepared on one connection; a plan has a few for each property."""

Types: TypeAlias = tuple[int, ...]
"""The types of a statement's values, as the server numbers them; 0 where it finds that out itself."""


@dataclass(slots=True, eq=False)
class Known:
    """What is known of a statement that was said: the types that its values had last, and under which name it
    is prepared for which types; under none, if it was said with them once.
    """

    sql: str
    formats: Sequence[PyFormat]
    types: Types = ()
    names: dict[Types, bytes | None] = field(default_factory=dict)

    def typed(self, types: Types) -> Types:
        """With None, which has no type, as what was in its place before: else a statement would be prepared
        once for each way in which some of its values can be None.
        """
        return tuple(own or before for own, before in zip(types, self.types, strict=True))


class Prepared:
    """What is said twice is prepared the second time."""

    __slots__ = ("_count", "_names", "known")

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}
        self._count = 0
        self._names = 0

    def learn(self, sql: str, count: int) -> Known:
        """A statement that is said for the first time, with so many values."""
        if len(self.known) >= 2 * _MOST:  # most are said once
            for one in [one for one in self.known.values() if not any(one.names.values())]:
                del self.known[one.sql]
        statement = self.known[sql] = Known(sql, [PyFormat.AUTO] * count)
        return statement

    def name(self, statement: Known, types: Types) -> bytes | None:
        """Under which name it is to be prepared now; none, if it is said for the first time, or if enough
        are.
        """
        if types not in statement.names or self._count == _MOST:
            statement.names[types] = None
            return None
        self._count += 1
        self._names += 1
        name = statement.names[types] = b"millrace_%d" % self._names
        return name

    def is_not(self, statement: Known, types: Types) -> None:
        """The server has not come to prepare it."""
        statement.names[types] = None
        self._count -= 1
