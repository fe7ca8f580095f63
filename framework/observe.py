"""What the framework says about itself: log lines without secrets, and counters.

A logger of `get_logger` masks secrets whatever the program does with logging, for the masking is part of the
logger and not of a handler. Lines go to the standard library's loggers; `configure_logging` prints them.
"""

import base64
import json
import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias
from urllib.parse import quote

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

MASK = "***"
SHORTEST_SECRET = 4
"""Shorter values are not masked by value: they would blacken half of every line."""

LOGGER_NAMES = ("framework", "integrations", "business")

_SENSITIVE = (
    r"authorization|signature|secret|token|api[_-]?key|auth[_-]?key|access[_-]?key|password|cookie|credential"
)
_SENSITIVE_KEY = re.compile(_SENSITIVE, re.IGNORECASE)
_CREDENTIALS = re.compile(r"\b(bearer|basic|deepl-auth-key)\s+[A-Za-z0-9._~+/:=-]{4,}", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    rf"([\w-]*(?:{_SENSITIVE})[\w-]*[\"']?\s*[=:]\s*[\"']?)(?!\s)[^\s&\"',;)}}\]]+", re.IGNORECASE
)


class Redactor:
    """Masks secrets: those under a telling name, and every value that was registered, wherever it stands."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def register(self, secret: str) -> None:
        """Mask `secret` from now on, also as it looks in URLs, in JSON and in base64."""
        spellings = (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], _base64(secret))
        with self._lock:
            self._values.update(spelling for spelling in spellings if len(spelling) >= SHORTEST_SECRET)
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """`text` with everything secret masked."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _ASSIGNMENT.sub(rf"\1{MASK}", _CREDENTIALS.sub(rf"\1 {MASK}", text))

    def value(self, value: object, key: str = "") -> object:
        """`value` with everything secret masked, whatever it is nested in."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if _SENSITIVE_KEY.search(key):
            return MASK
        match value:
            case str():
                return self.text(value)
            case bytes():
                return self.text(value.decode("utf-8", "replace"))
            case Mapping():
                return {self.value(name): self.value(item, str(name)) for name, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._item(item) for item in value]
            case _:
                return self.text(repr(value))

    def _item(self, item: object) -> object:
        """One of several: a pair of a name and a value, as headers often are, is masked by its name."""
        match item:
            case (str() | bytes() as name, str() | bytes() as value):
                key = name if isinstance(name, str) else name.decode("latin-1")
                return [key, self.value(value, key)]
            case _:
                return self.value(item)

    def __call__(self, logger: "WrappedLogger", method: str, event: "EventDict") -> "EventDict":
        """Be a processor of structlog."""
        return {name: self.value(value, name) for name, value in event.items()}


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode()


redactor = Redactor()
"""The one redactor of the process: what is secret to one App is not for the log of another either."""


class RedactingFilter(logging.Filter):
    """Masks secrets in the records of loggers that are not ours, such as the HTTP library's."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redactor.text(record.getMessage()), None
        return True


Printed: TypeAlias = tuple[tuple[str | bytes], dict[str, bool]]


class Renderer:
    """Turns an event into one line: `name=value` pairs for people, JSON for programs."""

    def __init__(self) -> None:
        from structlog.processors import JSONRenderer, LogfmtRenderer

        self._json = JSONRenderer(default=str)
        self._plain = LogfmtRenderer(
            key_order=["timestamp", "level", "event"], drop_missing=True, bool_as_flag=False
        )

    def __call__(self, logger: "WrappedLogger", method: str, event: "EventDict") -> Printed:
        """The arguments for the standard logger; it must not add the traceback, which nobody would mask."""
        return (self._line(logger, method, event),), {"exc_info": False}

    def _line(self, logger: "WrappedLogger", method: str, event: "EventDict") -> str | bytes:
        if _form.as_json:
            return self._json(logger, method, event)
        return self._plain(logger, method, {_bare(name): _flat(value) for name, value in event.items()})


def _bare(name: str) -> str:
    """A name that logfmt takes: without spaces."""
    return re.sub(r"\s", "_", name)


def _flat(value: object) -> object:
    return json.dumps(value, default=str) if isinstance(value, dict | list) else value


@dataclass
class _Form:
    """How lines are printed."""

    as_json: bool = False


_form = _Form()


def get_logger(name: str) -> Any:  # structlog's own answer: its loggers take any method of the wrapped one
    """A logger for `log.info("event.name", key=value)`, which masks secrets on its own."""
    return _Logger(name)


class _Logger:
    """A logger that is made when it has something to say: structlog takes long to import."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        return getattr(self._made, method)

    @cached_property
    def _made(self) -> Any:
        import structlog

        return structlog.wrap_logger(
            logging.getLogger(self._name),
            wrapper_class=structlog.stdlib.BoundLogger,
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                redactor,
                Renderer(),
            ],
        )


def configure_logging(level: str = "INFO", *, as_json: bool = False, stream: TextIO | None = None) -> None:
    """Print the lines of the framework and of the program's own modules; the last configuration counts."""
    _form.as_json = as_json
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.set_name("millrace")
    for name in LOGGER_NAMES:
        logger = logging.getLogger(name)
        logger.handlers = [old for old in logger.handlers if old.get_name() != "millrace"] + [handler]
        logger.setLevel(level)
        logger.propagate = False


class Metrics:
    """Named counters with labels; safe to share between threads."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self._lock = threading.Lock()

    def count(self, name: str, n: int = 1, **labels: str) -> None:
        """Add `n` to the counter of this name and these labels."""
        with self._lock:
            self._counts[name, tuple(sorted(labels.items()))] += n

    def value(self, name: str, **labels: str) -> int:
        """What was counted under this name and exactly these labels; 0 if nothing was."""
        with self._lock:
            return self._counts[name, tuple(sorted(labels.items()))]

    def snapshot(self) -> dict[str, int]:
        """All counters in Prometheus notation, such as `calls_total{integration="stripe"}`, in order."""
        with self._lock:
            counts = dict(self._counts)
        return dict(sorted((_notation(name, labels), n) for (name, labels), n in counts.items()))


def _notation(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return name
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
    return f"{name}{{{pairs}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
