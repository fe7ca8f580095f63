"""Tallies: what rows contribute to the states of an additive node, one at a time and many at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
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
Of: TypeAlias = Callable[[Row], Amounts]

_PLAIN = (lambda record: record.field).__code__
"""The code of a callback that gives a field of its record, and does nothing else."""


class Tally:
    """What rows contribute to some states."""

    __slots__ = ("of", "of_all")

    def __init__(self, of: Of, of_all: Callable[[Sequence[Row]], Amounts] | None = None) -> None:
        self.of = of
        self.of_all = of_all or partial(_one_by_one, of)
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
    contribution, view = computation.contribution, source.view

    def of(row: Row) -> Amounts:
        return contribution(view_of(view, row))

    if "contribution" not in vars(computation):  # links contribute what they carry
        match computation:
            case Count(where=None) if type(computation) is Count:
                return Tally(lambda row: (1,), lambda rows: (len(rows),))
            case Sum(where=None, places=None) if type(computation) is Sum:
                if (field := _field(source, computation.of)) is not None:
                    return _sum_of(field, of)
            case Average(where=None, places=None) if type(computation) is Average:
                if (field := _field(source, computation.of)) is not None:
                    return _mean_of(field, of)
            case Every() if type(computation) is Every:
                if (field := _field(source, computation.where)) is not None:
                    return _misses_of(field)
            case Some() if type(computation) is Some:
                if (field := _field(source, computation.where)) is not None:
                    return _hits_of(field)
    return Tally(of)


def _field(source: Shape, callback: Callable[..., Any]) -> str | None:
    """The field that a callback gives as it is, if that is all it does."""
    if not isinstance(callback, FunctionType):
        return None
    code = callback.__code__
    same = (code.co_code, code.co_argcount, code.co_posonlyargcount) == (_PLAIN.co_code, 1, 0)
    return code.co_names[0] if same and code.co_names[0] in source.fields else None


def _sum_of(field: str, otherwise: Of) -> Tally:
    """Of whole numbers; what is none, the callbacks may take for one, or refuse."""
    get = itemgetter(field)

    def of(row: Row) -> Amounts:
        value = row[field]
        return (value,) if type(value) is int else otherwise(row)

    def of_all(rows: Sequence[Row]) -> Amounts:
        total = _plain_sum(map(get, rows))
        return _one_by_one(of, rows) if total is None else (total,)

    return Tally(of, of_all)


def _mean_of(field: str, otherwise: Of) -> Tally:
    """As `_sum_of`, and how many there are."""
    get = itemgetter(field)

    def of(row: Row) -> Amounts:
        value = row[field]
        return (value, 1) if type(value) is int else otherwise(row)

    def of_all(rows: Sequence[Row]) -> Amounts:
        total = _plain_sum(map(get, rows))
        return _one_by_one(of, rows) if total is None else (total, len(rows))

    return Tally(of, of_all)


def _misses_of(field: str) -> Tally:
    get = itemgetter(field)

    def of_all(rows: Sequence[Row]) -> Amounts:
        return (len(rows) - sum(map(truth, map(get, rows))), len(rows))

    return Tally(lambda row: (0, 1) if row[field] else (1, 1), of_all)


def _hits_of(field: str) -> Tally:
    get = itemgetter(field)
    return Tally(lambda row: (1,) if row[field] else (0,), lambda rows: (sum(map(truth, map(get, rows))),))


def _one_by_one(of: Of, rows: Sequence[Row]) -> Amounts:
    return [sum(column) for column in zip(*map(of, rows), strict=True)]


def _plain_sum(values: Iterable[Any]) -> int | None:
    """The sum of whole numbers; None where there is anything else among them."""
    try:
        total = sum(values)
    except TypeError:
        return None
    return total if type(total) is int else None
