"""Callbacks: functions that are given a record, and that answer at once."""

import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from framework.plan.mistakes import AnswersLater, NotAFunction, WrongParameters
from framework.plan.reads import WATCHED


def check_callback(
    callback: Callable[..., Any],
    place: str,
    taken: Sequence[str],
    given: type | None = None,
    *,
    may_yield: bool = False,
    may_be_given: bool = False,
) -> None:
    """Raises NotAFunction, AnswersLater, or WrongParameters unless it takes what is named, and the row of a
    Global that it is given.
    """
    callback = declared(callback)
    names = [*taken, *([given.__name__.lower()] if given else [])]
    remedy = f"`lambda {', '.join(names)}: ...`"
    if not callable(callback):
        raise NotAFunction(place=place, given=callback, remedy=remedy)
    check_answer(callback, place, may_yield=may_yield)
    if not isinstance(callback, FunctionType):
        return
    count = len(names)
    code = callback.__code__
    required = code.co_argcount - len(callback.__defaults__ or ())
    if may_be_given and given is None and required == count + 1:
        remedy += ", or say `given=` of which `Global` the row comes last"
    if required > count or (code.co_argcount < count and not code.co_flags & inspect.CO_VARARGS):
        raise WrongParameters(
            place=place,
            taken=f"{code.co_argcount} parameter{'s' if code.co_argcount != 1 else ''}",
            called=" and ".join(f"the {name}" for name in names),
            remedy=remedy,
        )


def check_answer(function: Callable[..., Any], place: str, *, may_yield: bool = False) -> None:
    """Raises AnswersLater for what gives a promise of its answer in the place of that."""
    function = declared(function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise AnswersLater(place=place, kind="`async def`")
    if inspect.isgeneratorfunction(function) and not may_yield:
        raise AnswersLater(place=place, kind="a generator")


def declared(callback: Callable[..., Any]) -> Callable[..., Any]:
    """The callback as it was declared, if it is watched in test mode."""
    return vars(callback).get(WATCHED, callback) if isinstance(callback, FunctionType) else callback
