"""What a statement, or a criterion, speaks of: found by one walk through it, and remembered by its form."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ColumnClause, TextClause
from sqlalchemy.sql.selectable import TableClause, TextualSelect

from framework.model.record import Record
from framework.plan.shape import Shape
from framework.runtime.comparing import COMPARING, Compared, check_value_of, compared
from framework.storage.of_members import parts_of, views_of
from framework.storage.remembered import Remembered


class Spoken(NamedTuple):
    """What a statement speaks of, each once."""

    tables: tuple[Any, ...]
    columns: tuple[Any, ...]  # of tables, however the statement goes by them
    views: tuple[type[Record], ...]
    text: str | None  # SQL as text, if there is any
    compared: tuple[Compared, ...]

    def check(self, shapes: Mapping[Any, Shape]) -> None:
        """Raises NotComparable for a value that the column beside it never is."""
        for one in self.compared:
            check_value_of(one, one.value, shapes)


def spoken_of(statement: Any, shapes: Mapping[Any, Shape]) -> Spoken:
    """What there is in the statement; raises NotComparable for columns that are compared with what they never
    are, but not for values.
    """
    tables: dict[Any, None] = {}
    columns: dict[Any, None] = {}
    views: dict[type[Record], None] = {}
    text: str | None = None
    found: list[Compared] = []
    rest = [statement]
    while rest:
        element = rest.pop()
        views |= dict.fromkeys(views_of(element))
        match element:
            case BindParameter():
                continue
            case ColumnClause(is_literal=True) if element.name != "*" and not element.name.isdigit():
                text = text or element.name
            case ColumnClause():
                columns |= dict.fromkeys(element.base_columns)
            case TableClause():
                tables[element] = None
            case TextClause() | TextualSelect():
                text = text or str(element)
            case BinaryExpression() if element.operator in COMPARING:
                found += compared(element, shapes)
        rest += parts_of(element)
    return Spoken(tuple(tables), tuple(columns), tuple(views), text, tuple(found))


class Listener:
    """Knows what statements speak of, and remembers it by their form: the key under which SQLAlchemy keeps
    them compiled, in which all is but the values.
    """

    def __init__(self, shapes: Mapping[Any, Shape]) -> None:
        self._shapes = shapes
        self._known = Remembered[tuple[Spoken, Sequence[tuple[int, Compared]]]]()

    def hear(self, statement: Any) -> Spoken:
        """Raises NotComparable for what a column beside it never is."""
        key = statement._generate_cache_key()
        known = None if key is None else self._known.get(key.key)
        if known is not None:
            spoken, places = known
            for place, one in places:
                check_value_of(one, key.bindparams[place], self._shapes)
            return spoken
        spoken = spoken_of(statement, self._shapes)
        spoken.check(self._shapes)
        if key is not None:
            self._remember(key, spoken)
        return spoken

    def _remember(self, key: Any, spoken: Spoken) -> None:
        places = {id(value): place for place, value in enumerate(key.bindparams)}
        variable = [one for one in spoken.compared if isinstance(one.value, BindParameter)]
        if all(id(one.value) in places for one in variable):
            self._known.remember(key.key, (spoken, [(places[id(one.value)], one) for one in variable]))
