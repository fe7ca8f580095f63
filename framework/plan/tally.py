"""Tallies: what rows contribute to the states of an additive node, one at a time and many at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter, truth
from types import FunctionType
from typing import Any, TypeAlias

from framework.computations.aggregate import Additive
from framework.computations.average import Average
from framework.computations.count import Count
from framework.computations.quantifiers import Every, Some
from framework.computations.sum import Sum
from framework.plan.shape import Shape
from framework.plan.view import view_of

Row: TypeAlias = Mapping[str, Any]
Amounts: TypeAlias = Sequence[int]

_PLAIN = (lambda record: record.field).__code__
"""The code of a callback that gives a field of its record, and does nothing else."""


class Tally:
    """What rows contribute to some states."""

    __slots__ = ("of", "of_all")

    def __init__(
        self, of: Callable[[Row], Amounts], of_all: Callable[[Sequence[Row]], Amounts] | None = None
    ) -> None:
        self.of = of
        self.of_all = of_all or (lambda rows: [sum(column) for column in zip(*map(of, rows), strict=True)])
        """Of one row at least."""


def tally_of(computations: Iterable[Additive[Any, Any]], source: Shape) -> Tally:
    """What rows of a class contribute to the states of the computations, in their order."""
    tallies = [_tally(one, source) for one in computations]
    if len(tallies) == 1:
        return tallies[0]
    every = [tally.of for tally in tallies]
    every_of_all = [tally.of_all for tally in tallies]

    def of(row: Row) -> Amounts:
        amounts: list[int] = []
        for each in every:
            amounts += each(row)
        return amounts

    def of_all(rows: Sequence[Row]) -> Amounts:
        amounts: list[int] = []
        for each in every_of_all:
            amounts += each(rows)
        return amounts

    return Tally(of, of_all)


def _tally(computation: Additive[Any, Any], source: Shape) -> Tally:
    """Of a computation of its own kind whose callbacks give fields, by the columns; else by its callbacks."""
    if "contribution" not in vars(computation):  # links contribute what they carry
        match computation:
            case Count(where=None) if type(computation) is Count:
                return Tally(lambda row: (1,), lambda rows: (len(rows),))
            case Sum(where=None, places=None) if type(computation) is Sum:
                if (field := _field(source, computation.of)) is not None:
                    return _sum_of(field, computation)
            case Average(where=None, places=None) if type(computation) is Average:
                if (field := _field(source, computation.of)) is not None:
                    return _mean_of(field, computation)
            case Every() if type(computation) is Every:
                if (field := _field(source, computation.where)) is not None:
                    return _misses_of(field)
            case Some() if type(computation) is Some:
                if (field := _field(source, computation.where)) is not None:
                    return _hits_of(field)
    contribution, view = computation.contribution, source.view
    return Tally(lambda row: contribution(view_of(view, row)))


def _field(source: Shape, callback: Callable[..., Any]) -> str | None:
    """The field that a callback gives as it is, if that is all it does."""
    if not isinstance(callback, FunctionType):
        return None
    code = callback.__code__
    same = (code.co_code, code.co_argcount, code.co_posonlyargcount) == (_PLAIN.co_code, 1, 0)
    return code.co_names[0] if same and code.co_names[0] in source.fields else None


def _sum_of(field: str, computation: Sum[Any, Any]) -> Tally:
    get, missing, exact = itemgetter(field), computation.missing, computation.exact

    def of(row: Row) -> Amounts:
        value = row[field]
        if type(value) is int:
            return (value,)
        if value is None:
            value = missing
        return (0,) if value is None else (exact(value),)

    def of_all(rows: Sequence[Row]) -> Amounts:
        total = _plain_sum(map(get, rows))
        return (sum(of(row)[0] for row in rows) if total is None else total,)

    return Tally(of, of_all)


def _mean_of(field: str, computation: Average[Any, Any]) -> Tally:
    get, missing, exact = itemgetter(field), computation.missing, computation.exact

    def of(row: Row) -> Amounts:
        value = row[field]
        if type(value) is int:
            return (value, 1)
        if value is None:
            value = missing
        return (0, 0) if value is None else (exact(value), 1)

    def of_all(rows: Sequence[Row]) -> Amounts:
        total = _plain_sum(map(get, rows))
        if total is not None:
            return (total, len(rows))
        return [sum(column) for column in zip(*map(of, rows), strict=True)]

    return Tally(of, of_all)


def _misses_of(field: str) -> Tally:
    get = itemgetter(field)

    def of_all(rows: Sequence[Row]) -> Amounts:
        return (len(rows) - sum(map(truth, map(get, rows))), len(rows))

    return Tally(lambda row: (0, 1) if row[field] else (1, 1), of_all)


def _hits_of(field: str) -> Tally:
    get = itemgetter(field)
    return Tally(lambda row: (1,) if row[field] else (0,), lambda rows: (sum(map(truth, map(get, rows))),))


def _plain_sum(values: Iterable[Any]) -> int | None:
    """The sum of whole numbers; None where there is anything else among them."""
    try:
        total = sum(values)
    except TypeError:
        return None
    return total if type(total) is int else None
