"""Views: which records belong to filtered classes and filtered relations, and what a name stands for.

Membership is a hidden column of the record, computed as a formula is: so heights order it after what it
reads, and every change of it is seen.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Boolean

from framework.computations.formula import Formula
from framework.model.fields import table_name
from framework.model.record import Record, is_filtered
from framework.model.views import Filter, Merged, RelationView, Subset
from framework.model.words import check_reads
from framework.plan.callbacks import check_callback
from framework.plan.hidden import hidden_name
from framework.plan.lens import Lens
from framework.plan.mistakes import (
    AllRecordsOnEntity,
    FieldsOfAView,
    FilterMissing,
    MergedTwice,
    NotAFunction,
    NotAPartOf,
    TwoViewsOneName,
    UndeclaredRecord,
    UnknownRelation,
    ViewOfTwo,
    WrongSide,
)
from framework.plan.node import FormulaNode
from framework.plan.reading import read_fields
from framework.plan.shape import Far, HiddenColumn, IndexPlan, Kind, Route, Shape
from framework.plan.shapes import Shapes, relation_target, route_to_many
from framework.plan.strict import watched_where
from framework.plan.view import View, narrowed_view, view_of

Where = Callable[[Any], object]


def view_nodes(
    shapes: Shapes, filtered: Iterable[type[Record]], *, strict_reads: bool = False
) -> list[FormulaNode]:
    """A node for each view and each class that it sees a part of: whether a record is a member."""
    nodes: list[FormulaNode] = []
    for model in sorted(filtered, key=lambda model: len(model.__mro__)):  # what a view narrows comes first
        nodes += _of_class(shapes, model, strict_reads)
    for shape in shapes.values():
        for name, view in shape.model.__views__.items():
            nodes += _of_relation(shapes, shape, name, view, strict_reads)
    return nodes


def sources_of(shapes: Mapping[type[Record], Shape], model: type[Any]) -> list[tuple[Shape, Lens | None]]:
    """The tables that the records of a class are in: its own; those of its subclasses, if it has none.

    Of a filtered class, those of its base, and how they are seen.
    """
    if model in shapes:
        return [(shapes[model], None)]
    if is_filtered(model):
        return [(shape, shape.views[model]) for shape in shapes.values() if model in shape.views]
    return [(shape, None) for shape in shapes.values() if issubclass(shape.model, model)]


def routes_of_class(shapes: Shapes, shape: Shape, name: str, title: str, model: type[Any]) -> list[Route]:
    """The ways from all records of a class to the one Global."""
    sources = sources_of(shapes, model) if issubclass(model, Record) else []
    if not sources:
        raise UndeclaredRecord(place=f"{shape.name}.{name}", model=model.__name__)
    if shape.kind is not Kind.GLOBAL:
        raise AllRecordsOnEntity(model=shape.name, property=name, computation=title, source=model.__name__)
    return [Route(host=shape, source=source, key=None, relation=None, lens=lens) for source, lens in sources]


def routes_of_relation(shapes: Shapes, shape: Shape, name: str, title: str, relation: str) -> list[Route]:
    """The ways from the records of a relation, or of a view of relations, to the record that has it."""
    if is_to_one(shapes, shape, relation):
        raise WrongSide(
            model=shape.name, property=name, computation=title, expected="to-many", relation=relation,
            actual="to-one", remedy="Use Lookup for a value through a to-one relation.",
        )  # fmt: skip
    view = shape.model.__views__.get(relation)
    if view is None:
        route = route_to_many(shapes, shape, relation)
        assert route is not None, "it is not to-one"
        return [route]
    routes = _routes_behind(shapes, shape, relation, view)
    if isinstance(view, Subset):
        routes = [replace(route, lens=route.related.views[shape.model, relation]) for route in routes]
    return routes


def is_to_one(shapes: Shapes, shape: Shape, relation: str) -> bool:
    """Whether a relation, or the first that a view is made of, leads to one record."""
    view = shape.model.__views__.get(relation)
    if view is None:
        return route_to_many(shapes, shape, relation) is None
    first = next(iter(_parts(view)), None)
    return not isinstance(first, type) and is_to_one(shapes, shape, _named(shape, relation, view, first))


def ends_of_relation(shapes: Shapes, shape: Shape, name: str, title: str, relation: str) -> tuple[Far, ...]:
    """Where a to-one relation, or a view of such relations, leads to."""
    if not is_to_one(shapes, shape, relation):
        raise WrongSide(
            model=shape.name, property=name, computation=title, expected="to-one", relation=relation,
            actual="to-many", remedy="Use Latest or First to look at one of many records.",
        )  # fmt: skip
    view = shape.model.__views__.get(relation)
    if view is None:
        target, key, _ = relation_target(shapes, shape, relation)
        return (Far(target, key),)
    ends = _ends_behind(shapes, shape, relation, view)
    if isinstance(view, Subset):
        ends = [
            replace(end, lens=end.shape.views[shape.model, relation], before=(*end.before, *ends[:position]))
            for position, end in enumerate(ends)
        ]  # the one record is found before it is asked whether it belongs
    return tuple(ends)


def _parts(view: RelationView) -> tuple[Any, ...]:
    """What the view is made of."""
    assert isinstance(view, Subset | Merged), "a relation view is one or the other"
    return (view.records,) if isinstance(view, Subset) else view.parts


def _title(view: RelationView) -> str:
    return "subset" if isinstance(view, Subset) else "merged"


def _named(shape: Shape, name: str, view: RelationView, records: Any) -> str:
    """The name of a relation that the view is made of."""
    relation = view.relation_name(records)
    if relation is None:
        raise UnknownRelation(model=shape.name, property=name, computation=_title(view), remedy="")
    return relation


def _routes_behind(shapes: Shapes, shape: Shape, name: str, view: RelationView) -> list[Route]:
    routes: list[Route] = []
    for part in _parts(view):
        if isinstance(part, type):
            routes += routes_of_class(shapes, shape, name, _title(view), part)
        else:
            relation = _named(shape, name, view, part)
            routes += routes_of_relation(shapes, shape, name, _title(view), relation)
    return routes


def _ends_behind(shapes: Shapes, shape: Shape, name: str, view: RelationView) -> list[Far]:
    relations = [_named(shape, name, view, part) for part in _parts(view)]
    return [end for one in relations for end in ends_of_relation(shapes, shape, name, _title(view), one)]


def _of_class(shapes: Shapes, model: type[Record], strict_reads: bool) -> Iterator[FormulaNode]:
    declared = model.__filter__
    base, *more = [base for base in model.__bases__ if issubclass(base, Record)]
    if more:
        bases = " and ".join(one.__name__ for one in (base, *more))
        raise ViewOfTwo(model=model.__name__, bases=bases, base=base.__name__)
    if declared.where is None:
        raise FilterMissing(model=model.__name__, base=base.__name__)
    if isinstance(declared.where, type):
        raise NotAFunction(place=model.__name__, given=declared.where, remedy="`where=lambda record: ...`")
    if model.__added__:
        raise FieldsOfAView(model=model.__name__, added=", ".join(model.__added__), base=base.__name__)
    sources = sources_of(shapes, base)
    if not sources:
        raise UndeclaredRecord(place=model.__name__, model=base.__name__)
    for shape, lens in sources:
        lenses = [] if lens is None else [lens]
        column = hidden_name("is", table_name(model.__name__))
        yield _membership(shape, model, model.__name__, column, model, lenses, declared, strict_reads)
        shape.indexes.append(IndexPlan((column, "id"), where=f'"{column}"'))


def _of_relation(
    shapes: Shapes, shape: Shape, name: str, view: RelationView, strict_reads: bool
) -> Iterator[FormulaNode]:
    title = f"{shape.name}.{name}"
    if is_to_one(shapes, shape, name):
        ends = _ends_behind(shapes, shape, name, view)
        sources, ways = [(end.shape, end.lens) for end in ends], [end.shape for end in ends]
    else:
        routes = _routes_behind(shapes, shape, name, view)
        sources = [(route.related, route.lens) for route in routes]
        ways = [one for route in routes for one in {route.source, route.related}]
    if not isinstance(view, Subset):
        twice = [one.name for one in ways if ways.count(one) > 1]
        if twice:
            raise MergedTwice(model=shape.name, relation=name, source=twice[0])
        return
    for source, behind in sources:
        lenses = [behind] if behind else []
        if isinstance(view.where, type):
            lens = source.views.get(view.where)
            if lens is None:
                raise NotAPartOf(
                    model=shape.name, relation=name, source=source.name, view=view.where.__name__
                )
            lenses.append(lens)
        model = lenses[-1].model if lenses else source.model
        column = hidden_name("in", shape.table.name, name)
        yield _membership(source, (shape.model, name), title, column, model, lenses, view, strict_reads)


def _membership(
    source: Shape,
    key: object,
    name: str,
    column: str,
    model: type[Record],
    lenses: list[Lens],
    declared: Filter | Subset,
    strict_reads: bool,
) -> FormulaNode:
    """The column that says whether a record of the source is a member, and the node that computes it."""
    if any(hidden.name == column for hidden in source.hidden):
        raise TwoViewsOneName(view=name, source=source.name)
    own = None if isinstance(declared.where, type) else declared.where
    if own is not None:
        check_callback(own, name, ("record",))
    check_reads(declared.reads, name)
    reads = read_fields(source, [own] if own else [], declared.reads, name, model)
    if own is not None and strict_reads:
        own = watched_where(own, declared.reads, name)
    view = narrowed_view(source.view, model)
    behind = tuple(lens.column for lens in lenses)
    source.views[key] = Lens(name, column, model, view, declared.where, behind)
    source.hidden.append(HiddenColumn(column, Boolean(), default=False, nullable=False))
    source.inner.append(column)
    source.relative = False
    return FormulaNode(
        name=name,
        reads=reads | {(source, lens.column) for lens in lenses} | {(source, None)},
        writes=frozenset({(source, column)}),
        host=source,
        property=column,
        computation=Formula(_belongs(view, own, behind)),
    )


def _belongs(view: type[View], where: Where | None, columns: tuple[str, ...]) -> Callable[[Any], bool]:
    """Whether a record is a member: of all that the view narrows, and then by what it says itself."""

    def belongs(record: Any) -> bool:
        row = vars(record)
        return all(row[column] for column in columns) and (where is None or bool(where(view_of(view, row))))

    return belongs
