"""Which fields of its record a callback reads, found from its code."""

import dis
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from framework.plan.mistakes import Unfollowable

WATCHED = "__watched__"
"""Where a callback that is watched in test mode keeps the one that was declared."""

_ATTRIBUTE = {"LOAD_ATTR", "LOAD_METHOD"}
_SKIPPED = {"COPY_FREE_VARS", "MAKE_CELL", "RESUME", "NOP", "PRECALL", "CACHE", "EXTENDED_ARG"}


def reads_of(callback: Callable[..., Any], place: str, argument: int = 0) -> frozenset[str]:
    """The fields of its parameter, the first or the one of this number, that `callback` reads.

    Raises Unfollowable if the record itself goes anywhere but into an attribute access.
    """
    callback = vars(callback).get(WATCHED, callback) if isinstance(callback, FunctionType) else callback
    function = callback.__func__ if inspect.ismethod(callback) else callback
    if not isinstance(function, FunctionType):
        raise Unfollowable(place=place, reason=f"{function!r} is not a Python function")
    position = int(inspect.ismethod(callback)) + argument  # what a method is bound to comes first
    if function.__code__.co_argcount <= position:
        raise Unfollowable(
            place=place, reason="it takes no record" if argument == 0 else "it takes too little"
        )
    record = function.__code__.co_varnames[position]
    try:
        return frozenset(_attributes(function.__code__, record))
    except _Escapes as escape:
        raise Unfollowable(place=place, reason=str(escape)) from escape


class _Escapes(Exception):
    """The record leaves the code that is being read."""


def _attributes(code: CodeType, record: str) -> Iterator[str]:
    if "__class__" in code.co_freevars:
        raise _Escapes(f"it uses `super()` in line {code.co_firstlineno} or below")
    instructions = [one for one in dis.get_instructions(code) if one.opname not in _SKIPPED]
    for position, instruction in enumerate(instructions):
        if not _mentions(instruction, record):
            continue
        name = instruction.opname
        following = instructions[position + 1] if position + 1 < len(instructions) else None
        if name.startswith(("STORE_", "DELETE_")):
            raise _Escapes(f"it assigns to {record!r} in line {_line(instruction, code)}")
        if name == "LOAD_CLOSURE":
            continue  # a function inside uses the record; its own code is read below
        if isinstance(instruction.argval, tuple) or following is None or following.opname not in _ATTRIBUTE:
            raise _Escapes(f"line {_line(instruction, code)} uses {record!r} as a whole")
        yield following.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and record in constant.co_freevars:
            yield from _attributes(constant, record)


def _mentions(instruction: dis.Instruction, record: str) -> bool:
    if not instruction.opname.startswith(
        ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE", "STORE_", "DELETE_", "LOAD_CLASSDEREF")
    ):
        return False
    if instruction.opname.startswith(
        ("STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_NAME")
    ):
        return False
    names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
    return record in names


def _line(instruction: dis.Instruction, code: CodeType) -> int:
    positions = instruction.positions
    return (positions.lineno if positions else None) or code.co_firstlineno
