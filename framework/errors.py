"""Every error of the framework. The docstring of a class is its message, and names the next step.

MillraceError
  DeclarationError        the developer's, found when the App is built
  DispatchError           the caller's input, refused before anything is stored
  IntegrationError        the outside world's: whose problem is it?
    Transient             nobody's: try again later
    Permanent             ours: the request is wrong and stays wrong
    NeedsAttention        the operator's: credentials, quota, configuration
    Declined              the business's: the vendor understood and said no
    InDoubt               unknown: the vendor may or may not have acted
  StorageError            the operator's: the database cannot be used
  InvariantBroken         the framework's own fault
"""

import inspect
import re
from datetime import timedelta
from typing import Any


class MillraceError(Exception):
    """The framework cannot go on."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(_message(type(self).__doc__ or "").format(**facts))

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)


def _message(docstring: str) -> str:
    """The docstring as one line, unless a fact has a line of its own."""
    lines = inspect.cleandoc(docstring).split("\n")
    laid_out = any(re.fullmatch(r"\{\w+\}", line) for line in lines[1:])
    return ("\n" if laid_out else " ").join(lines)


class DeclarationError(MillraceError):
    """{problem}"""


class DispatchError(MillraceError):
    """{problem}"""


class StorageError(MillraceError):
    """{problem}"""


class InvariantBroken(MillraceError):
    """The framework broke its own rule: {problem}. Please report this."""


class IntegrationError(MillraceError):
    """{message}"""

    code: str

    def __init__(self, message: str, *, code: str = "error", **facts: Any) -> None:
        self.code = code
        super().__init__(message=message, **facts)


class Transient(IntegrationError):
    """{message}"""

    def __init__(
        self,
        message: str,
        *,
        code: str = "transient",
        retry_after: timedelta | None = None,
        **facts: Any,
    ) -> None:
        self.retry_after = retry_after
        super().__init__(message, code=code, **facts)


class Permanent(IntegrationError):
    """{message}"""


class NeedsAttention(IntegrationError):
    """{message}"""


class Declined(IntegrationError):
    """{message}"""


class InDoubt(IntegrationError):
    """{message}"""
