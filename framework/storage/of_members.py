"""Views that a criterion speaks of: it means their members, in whatever SELECT it speaks of them.

Where a session executes a statement, `framework.storage.membership` lets it see members alone. A criterion of
many records, or of a policy, is compiled by itself; here the column that says who is a member is added to it.

1. Each SELECT within has its views: those whose table, or alias of it, is in its FROM, wherever below it
   they are spoken of. The rest belong to what is around it, and at last to the record that is looked at.
2. Where a view and its class go by no other name, they are one row: that row must be a member.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Join, Select, Table, and_
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnClause
from sqlalchemy.sql.selectable import AliasedReturnsRows, SelectState, TableClause
from sqlalchemy.sql.util import surface_expressions

from framework.errors import DispatchError
from framework.model.record import Record, is_filtered

ColumnOf = Callable[[type[Record]], str]
"""The hidden column that says who is a member of a view; raises UndeclaredRecord."""

Classes = dict[Any, None]
"""Classes, and aliases of classes, as SQLAlchemy knows them, each once."""

_Tell = Callable[[Any, Sequence[Any], Sequence[Any], frozenset[Any]], Any]
"""From a SELECT, what it reads FROM, the classes that it speaks of and what is around it to one that is told
of members.
"""

_MARK = "no_replacement_traverse"
"""The mark by which SQLAlchemy keeps others from replacing what is said in `any` and `has` of a relation."""


class ViewInCriterion(DispatchError):
    """The criterion speaks of {view} {place}. {remedy}."""


def parts_of(element: Any) -> Iterator[Any]:
    """What an element consists of; of a SELECT also what it says that it is FROM, as it says it."""
    yield from element.get_children()
    if isinstance(element, Select):
        yield from element._from_obj


def views_of(element: Any) -> Iterator[type[Record]]:
    """The filtered classes that an element speaks of itself, not in its parts."""
    entity = _entity_of(element)
    if entity is not None and _is_view(entity):
        yield entity.class_
    if isinstance(element, Select) and element._setup_joins:
        yield from (view.class_ for view in _joined_by_relation(element))


def views_in(criterion: Any) -> set[type[Record]]:
    """The filtered classes that a criterion speaks of."""
    found: set[type[Record]] = set()
    rest = [criterion]
    while rest:
        element = rest.pop()
        found.update(views_of(element))
        rest += parts_of(element)
    return found


def of_members(criterion: ColumnElement[bool], table: Table, column_of: ColumnOf) -> ColumnElement[bool]:
    """The criterion on rows of the table, where all views that it speaks of are their members."""

    def tell(select: Any, froms: Sequence[Any], here: Sequence[Any], around: frozenset[Any]) -> Any:
        views = [entity for entity in here if _is_view(entity)]
        optional = _optional_in(froms)
        _refuse({view.class_ for view in views if _is_of(view, optional)}, "in an outer join")
        _refuse({view.class_ for view in _joined_by_relation(select)}, "in a join by a relation")
        for view in views:
            if _is_of(view, around):
                _refuse_two_of_one_row(view, here)
        return select.where(*(_is_member(view, column_of) for view in views)) if views else select

    around, criterion = frozenset({table}), _unmarked(criterion)
    for one in _subqueries_in(criterion):
        _refuse(views_in(one), "in a subquery, or a CTE, that is read FROM")
    told, classes = _Scope(tell, around, around).told(criterion, [criterion])
    return and_(told, *(_is_member(one, column_of) for one in classes if _is_view(one)))


def with_members(statement: Any, is_member: Callable[[Any], ColumnElement[bool]]) -> Any:
    """The statement, where those views are their members that SQLAlchemy adds no criteria to: who is spoken
    of in what is within a SELECT alone, or where it joins or orders.
    """

    def tell(select: Any, froms: Sequence[Any], here: Sequence[Any], _: frozenset[Any]) -> Any:
        told, optional = _told_by_sqlalchemy(select), _optional_in(froms)
        views = [one for one in here if _is_view(one) and one not in told and not _is_of(one, optional)]
        return select.where(*map(is_member, views)) if views else select

    told, _ = _Scope(tell, frozenset(), frozenset()).told(statement, [statement])
    return told


def member_of(source: Any, column: str) -> ColumnElement[Any]:
    """Whether a row of a table, or of an alias of it, is a member: a column beside those that its class
    declares. It is written as it is, so that the partial index of the view serves it.
    """
    return ColumnClause(column, _selectable=source)


class _Scope:
    """What is around a SELECT, or a criterion: the tables and aliases that it can take its columns from."""

    def __init__(self, tell: _Tell, all_around: frozenset[Any], next_around: frozenset[Any]) -> None:
        self._tell = tell
        self._all_around, self._next_around = all_around, next_around

    def told(self, whole: Any, parts: Iterable[Any]) -> tuple[Any, Classes]:
        """The element with each SELECT in it told of members, and the classes that are not of such a
        SELECT.
        """
        classes: Classes = {}
        selects: dict[int, Any] = {}
        rest = [*parts]
        while rest:
            element = rest.pop()
            if isinstance(element, Select):
                told, further = self._select(element)
                classes |= further
                if told is not element:
                    selects[id(element)] = told
                continue
            entity = _entity_of(element)
            if entity is not None:
                classes[entity] = None
            if not _is_subquery(element):
                rest += parts_of(element)
        if selects:

            def replaced(element: Any, **_: Any) -> Any:
                return selects.get(id(element))

            whole = visitors.replacement_traverse(whole, {}, replaced)
        return whole, classes

    def _select(self, select: Any) -> tuple[Any, Classes]:
        froms = SelectState._correlate_froms(
            select.get_final_froms(), select, select._correlate, select._correlate_except,
            select._auto_correlate, tuple(self._all_around), tuple(self._next_around),
        )  # fmt: skip
        own = frozenset(one for item in froms for one in item._from_objects)
        within = _Scope(self._tell, self._all_around | own, own)
        told, classes = within.told(select, parts_of(select))
        here = [entity for entity in classes if _is_of(entity, own)]
        told = self._tell(told, froms, here, self._all_around)
        return told, {entity: None for entity in classes if entity not in here}


def _entity_of(element: Any) -> Any:
    """The class, or the alias of one, by which an element is spoken of, as SQLAlchemy knows it; or None."""
    return element._annotations.get("parententity")


def _is_view(entity: Any) -> bool:
    return is_filtered(entity.class_)


def _is_of(entity: Any, froms: frozenset[Any]) -> bool:
    return not froms.isdisjoint(entity.selectable._cloned_set)


def _is_member(view: Any, column_of: ColumnOf) -> ColumnElement[Any]:
    """A column beside those that the class declares."""
    selectable, model = view.selectable, view.class_
    if not isinstance(getattr(selectable, "element", selectable), Table):
        _refuse({model}, "by an alias of a subquery")
    return member_of(selectable, column_of(model))


def _subqueries_in(criterion: Any) -> Iterator[Any]:
    """What the criterion reads FROM that is no table, and no alias of one."""
    rest = [criterion]
    while rest:
        element = rest.pop()
        if _is_subquery(element):
            yield element
        else:
            rest += parts_of(element)


def _is_subquery(element: Any) -> bool:
    """Whether it is a SELECT that is read FROM, under a name."""
    return isinstance(element, AliasedReturnsRows) and not isinstance(element.element, TableClause)


def _joined_by_relation(select: Any) -> Iterator[Any]:
    for target, onclause, *_ in select._setup_joins:
        for relation in (target, onclause):
            view = getattr(relation, "_of_type", None)
            if view is not None and _is_view(view):
                yield view


def _told_by_sqlalchemy(select: Any) -> set[Any]:
    """The classes to which `with_loader_criteria` adds criteria."""
    held = (one for criterion in select._where_criteria for one in surface_expressions(criterion))  # type: ignore[no-untyped-call]
    joined = (join[0] for join in select._setup_joins if hasattr(join[0], "_annotations"))
    told = {_entity_of(one) for one in (*select._raw_columns, *select._from_obj, *held, *joined)}
    return {*told, *_joined_by_relation(select)}


def _unmarked(criterion: ColumnElement[bool]) -> ColumnElement[bool]:
    """The criterion without the mark, which would keep what is said there from being told."""
    seen: dict[int, Any] = {}

    def unmarked(element: Any, **_: Any) -> Any:
        if not hasattr(element, "_deannotate"):  # a relation, by which a SELECT joins
            return element
        if id(element) not in seen:
            seen[id(element)] = copy = element._deannotate(values=[_MARK], clone=True)
            copy._copy_internals(clone=unmarked, _annotations_traversal=True)
        return seen[id(element)]

    free: ColumnElement[bool] = unmarked(criterion)
    return free


def _optional_in(froms: Iterable[Any]) -> frozenset[Any]:
    """What outer joins may leave without a row."""
    return frozenset(one for item in froms for one in _optional(item))


def _optional(item: Any) -> Iterator[Any]:
    if isinstance(item, Join):
        yield from _optional(item.left)
        yield from _optional(item.right)
        if item.isouter or item.full:
            yield from item.right._from_objects
        if item.full:
            yield from item.left._from_objects


def _refuse(views: Iterable[type[Record]], place: str) -> None:
    for view in views:
        raise ViewInCriterion(
            view=view.__name__,
            place=f"{place}, where it would hold of records that are no members, too",
            remedy=f"Say it by `exists()`, or by `.in_(select({view.__name__}.id))`",
        )


def _refuse_two_of_one_row(view: Any, here: Iterable[Any]) -> None:
    for other in here:
        if other is not view and other.selectable is view.selectable:
            name = view.class_.__name__
            place = f"and of {other.class_.__name__} in one SELECT within, where both are one row"
            raise ViewInCriterion(view=name, place=place, remedy=f"Take `aliased({name})` for another one")
