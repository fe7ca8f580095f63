"""Fingerprints: whether a computation is still the one that stored values were computed by.

What counts is what a callback says: its syntax tree, the values that it closes over, and the functions and
constants of its module that it names, and theirs. Comments, formatting, docstrings and places do not count.
Where the source is not at hand, the bytecode counts, which differs between minor versions of Python. Of
objects that are no plain values, only the class counts; what is reached through an attribute, such as
`module.function` or a method of a record, does not count.
"""

import ast
import dataclasses
import hashlib
import inspect
import linecache
import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from uuid import UUID

from sqlmodel.main import FieldInfo, RelationshipInfo

from framework.model.computation import Computation, InClassBody
from framework.model.record import Record
from framework.plan import strict as watching

_PLAIN = (bool, int, float, complex, str, bytes, datetime, date, time, timedelta, Decimal, UUID)


def fingerprint(thing: object, model: type[Record] | None = None) -> str:
    """A short digest of what a computation, or the function of a rule, does; `model` declares it."""
    said = _Teller(model).say(thing)
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()


_BOUND = {*InClassBody.__annotations__, *Computation.__annotations__} - {"initial"}
"""What the class binds to a computation: the places of its declarations, which do not last."""


class _Teller:
    """Says what things are, each function once, so that those that call each other come to an end."""

    def __init__(self, model: type[Record] | None) -> None:
        self._model = model
        self._computation: Computation[Any] | None = None
        self._told: set[CodeType] = set()

    def say(self, thing: object) -> str:
        match thing:
            case None | _ if thing is None or thing is Ellipsis:
                return repr(thing)
            case Enum():
                return f"{type(thing).__qualname__}.{thing.name}={self.say(thing.value)}"
            case _ if isinstance(thing, _PLAIN):
                return f"{type(thing).__name__}:{thing!r}"
            case Set():
                return "{" + ",".join(sorted(map(self.say, thing))) + "}"
            case Mapping():
                return "{" + ",".join(sorted(f"{self.say(k)}:{self.say(v)}" for k, v in thing.items())) + "}"
            case re.Pattern():
                return f"re:{thing.pattern!r}:{thing.flags}"
            case Sequence():
                return "[" + ",".join(map(self.say, thing)) + "]"
            case type() if issubclass(thing, Enum):
                return f"{thing.__qualname__}({','.join(self.say(member) for member in thing)})"
            case type():
                return thing.__qualname__
            case RelationshipInfo():
                return self._relation(thing)
            case Computation() | FieldInfo() if self._named(thing):
                return f"field {self._named(thing)}"
            case Computation():
                return self._declared(thing)
            case FunctionType():
                return self._function(thing)
            case MethodType():
                return f"{self.say(thing.__self__)}.{self.say(thing.__func__)}"
            case partial():
                return f"partial({self.say(thing.func)},{self.say(thing.args)},{self.say(thing.keywords)})"
            case _ if dataclasses.is_dataclass(thing):
                return self._fields(thing)
            case _:
                return type(thing).__qualname__

    def _declared(self, computation: Computation[Any]) -> str:
        outer, self._computation = self._computation, computation
        said = self._fields(computation)
        self._computation = outer
        return said

    def _fields(self, thing: object) -> str:
        values = {name: value for name, value in sorted(vars(thing).items()) if name not in _BOUND}
        return f"{type(thing).__qualname__}({','.join(f'{k}={self.say(v)}' for k, v in values.items())})"

    def _named(self, thing: object) -> str | None:
        """The name of a field of the same class that a computation was given."""
        return self._computation.field_name(thing) if self._computation else None

    def _relation(self, relation: RelationshipInfo) -> str:
        """The name of a relation, and the keys that join it."""
        name = self._computation.relation_name(relation) if self._computation else None
        if name is None or self._model is None:
            return "relation"
        joined: Any = self._model.__mapper__.relationships[name]  # type: ignore[attr-defined]  # SQLAlchemy adds it
        keys = sorted(f"{local.name}={remote.name}" for local, remote in joined.local_remote_pairs)
        return f"relation {name} to {joined.mapper.class_.__name__} by {','.join(keys)}"

    def _function(self, function: FunctionType) -> str:
        if function.__globals__.get("__name__") == watching.__name__:  # a test mode looks on
            return self.say(inspect.unwrap(function))
        code = function.__code__
        if code in self._told:
            return f"again {code.co_name}"
        self._told.add(code)
        named = {
            name: value
            for name in sorted(_names(code))
            if _counts(value := function.__globals__.get(name, _NOTHING))
        }
        closed = {
            name: _content(cell)
            for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
        }
        defaults = self.say((function.__defaults__, function.__kwdefaults__))
        return f"{_text(code)}|{self.say(named)}|{self.say(closed)}|{defaults}"


_NOTHING = object()


def _counts(value: object) -> bool:
    """Whether a name of the module stands for something that the callback's meaning depends on."""
    if value is _NOTHING or isinstance(value, ModuleType):
        return False
    if isinstance(value, FunctionType):
        return not _is_library(value.__module__)
    return not isinstance(value, type) or issubclass(value, Enum)


def _is_library(module: str | None) -> bool:
    """Whether a module is Python's own, or the framework's: what they do does not change with the App."""
    top = (module or "").partition(".")[0]
    return (top in sys.stdlib_module_names and top != "__main__") or top == "framework"


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is not filled yet
        return None


def _text(code: CodeType) -> str:
    """What a function says, from its source; from its bytecode where there is none."""
    node = _definition(code)
    if node is None:
        return f"{sys.version_info[:2]}:{_bytecode(code)}"
    return _tree(node)


def _definition(code: CodeType) -> ast.AST | None:
    candidates = _definitions(code.co_filename).get((code.co_firstlineno, code.co_name), [])
    if len(candidates) > 1:  # lambdas on one line: those that compile to the same say the same
        candidates = [one for one in candidates if _compiled(one) == _bytecode(code)]
    return candidates[0] if candidates else None


@lru_cache(maxsize=256)
def _definitions(filename: str) -> Mapping[tuple[int, str], list[ast.AST]]:
    """All functions of a file, by the line in which they begin and their name."""
    found: dict[tuple[int, str], list[ast.AST]] = {}
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except SyntaxError:
        return found
    for node in ast.walk(tree):
        match node:
            case ast.Lambda():
                found.setdefault((node.lineno, "<lambda>"), []).append(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                line = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                found.setdefault((line, node.name), []).append(node)
    return found


def _compiled(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Lambda):
        return None
    module = compile(ast.Expression(node), "<lambda>", "eval")
    return next((_bytecode(one) for one in module.co_consts if isinstance(one, CodeType)), None)


def _bytecode(code: CodeType) -> str:
    constants = [
        _bytecode(one) if isinstance(one, CodeType) else _Teller(None).say(one) for one in code.co_consts
    ]
    names = (code.co_names, code.co_varnames, len(code.co_freevars))
    return f"{code.co_code.hex()}:{names}:{constants}"


_ABSENT = {"ctx", "kind", "type_comment", "type_params", "decorator_list", "returns", "annotation", "name"}
"""Parts of a syntax tree that a meaning does not depend on, or that not all versions of Python have."""


def _tree(node: object) -> str:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() if ast.get_docstring(node) is not None:
            return _parts(node, body=node.body[1:])
        case ast.AST():
            return _parts(node)
        case list():
            return "[" + ",".join(map(_tree, node)) + "]"
        case _:
            return repr(node)


def _parts(node: ast.AST, **instead: object) -> str:
    parts = {name: value for name, value in ast.iter_fields(node) if name not in _ABSENT} | instead
    said = (f"{name}={_tree(value)}" for name, value in parts.items() if value not in (None, []))
    return f"{type(node).__name__}({','.join(said)})"


__all__ = ["fingerprint"]
