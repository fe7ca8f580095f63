"""Admission: who may let which event happen. Only True admits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeVar
from uuid import UUID

from framework.errors import DeclarationError, DispatchError
from framework.model.entity import Event
from framework.model.record import Record
from framework.model.words import check_class, check_text, name_of, word

R = TypeVar("R", bound=Record)


class Admission(Protocol):
    """What a condition may look at beside the event."""

    @property
    def actor(self) -> str | None:
        """Who dispatches, as the caller said."""
        ...

    @property
    def context(self) -> Mapping[str, Any]:
        """What else the caller said of the request; it is not stored."""
        ...

    def get(self, model: type[R], id: UUID | None = None) -> R:
        """A record as it is in the transaction of the event; raises NoSuchRecord."""
        ...

    def find(self, model: type[R], **values: object) -> list[R]:
        """The records whose fields have these values, in the transaction of the event; raises NotIndexed
        unless an index leads to them.
        """
        ...


class Refused(DispatchError):
    """{event} is not admitted: {condition} says no (code {code!r})."""


class NotAVerdict(DispatchError):
    """The condition {condition} of {event} gave {given!r}, which is neither True nor False. Nothing was
    admitted; return a bool.
    """


class NotCombinable(DeclarationError):
    """{condition} was combined with {other!r}, which is no condition. Combine functions below `@condition`,
    and guard an event with what comes of it: `guard(OrderCancelled)(owner | admin)`.
    """


class AskedTooEarly(DeclarationError):
    """{condition} is a condition, which answers when there is an event. Combine conditions by `&`, `|`
    and `~`: Python's `and`, `or` and `not` would take one and leave out the other.
    """


Test = Callable[[Any, Admission], bool]


@dataclass(frozen=True, eq=False)
class Condition:
    """A yes-or-no question about an event; combine questions with `&`, `|` and `~`."""

    test: Test
    name: str
    code: str

    def __call__(self, event: Event, admission: Admission) -> bool:
        """The verdict; raises NotAVerdict for anything but True and False, however it is combined."""
        verdict = self.test(event, admission)
        if verdict is True or verdict is False:
            return verdict
        raise NotAVerdict(condition=self.name, event=type(event).__name__, given=verdict)

    def __bool__(self) -> NoReturn:
        raise AskedTooEarly(condition=self.name)

    def __and__(self, other: "Condition") -> "Condition":
        self._check_other(other)

        def both(event: Event, admission: Admission) -> bool:
            return self(event, admission) and other(event, admission)

        return Condition(both, f"({self.name} and {other.name})", f"{self.code}_and_{other.code}")

    def __or__(self, other: "Condition") -> "Condition":
        self._check_other(other)

        def either(event: Event, admission: Admission) -> bool:
            return self(event, admission) or other(event, admission)

        return Condition(either, f"({self.name} or {other.name})", f"{self.code}_or_{other.code}")

    def __invert__(self) -> "Condition":
        def opposite(event: Event, admission: Admission) -> bool:
            return not self(event, admission)

        return Condition(opposite, f"not {self.name}", f"not_{self.code}")

    __rand__, __ror__ = __and__, __or__  # what stands before it is no condition, and is told so

    def _check_other(self, other: object) -> None:
        if not isinstance(other, Condition):
            raise NotCombinable(condition=self.name, other=other)


@dataclass(frozen=True, eq=False)
class Guard:
    """A condition that every event of a class must meet."""

    event: type[Event]
    condition: Condition

    def admit(self, event: Event, admission: Admission) -> None:
        """Raises Refused unless the condition is True."""
        if not self.condition(event, admission):
            raise Refused(event=type(event).__name__, condition=self.condition.name, code=self.condition.code)


@word
def condition(test: Test) -> Condition:
    """Make a question of a function `(event, admission) -> bool`; its code is the function's name."""
    name = name_of(test, "condition", "@condition")
    return Condition(test, name, name)


@word
def guard(event: type[Event], *, code: str | None = None) -> Callable[[Test | Condition], Guard]:
    """Declare a guard of an event class: `@guard(OrderCancelled)`, or `guard(OrderCancelled)(owner | admin)`.

    `code` is what a refusal carries for programs; without it, the condition's own.
    """

    check_class(event, "guard", "@guard(OrderPlaced)")
    check_text(code, "guard", "code")

    def declared(test: Test | Condition) -> Guard:
        if not isinstance(test, Condition):
            name_of(test, "guard", f"@guard({event.__name__})")
        asked = test if isinstance(test, Condition) else condition(test)
        return Guard(event, asked if code is None else Condition(asked.test, asked.name, code))

    return declared
