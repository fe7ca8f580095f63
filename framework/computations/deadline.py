"""A value that turns with time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from framework.computations.aggregate import G
from framework.errors import DispatchError
from framework.model.computation import Computation

V = TypeVar("V")


class NoMoment(DispatchError):
    """{property} would turn at {given!r}, which is no moment. Let its `at` give an aware datetime, such as
    `datetime.now(UTC)`, or None.
    """


@dataclass(frozen=True, eq=False)
class Deadline(Computation[V]):
    """`before` until the moment `at(record)`, then `after`; while `at` is None: `before`.

    It turns once, at its time, by the App's timer: in `app.run()`, `app.settle()` or `app.tick()`; those that
    are late, in the order of their moments. Moving the moment into the future turns it back, into the past
    turns it at once.
    """

    at: Callable[..., datetime | None]
    before: V
    after: V
    reads: tuple[str, ...] | None = None
    given: Any = field(default=None, kw_only=True)
    functions: ClassVar[tuple[str, ...]] = ("at",)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            at: Callable[[Any], datetime | None],
            before: V,
            after: V,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            at: Callable[[Any, G], datetime | None],
            before: V,
            after: V,
            reads: tuple[str, ...] | None = None,
            *,
            given: type[G],
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...

    @property
    def initial(self) -> Any:
        return self.before

    def moment(self, record: Any, place: str) -> datetime | None:
        """When it turns; raises NoMoment for what could not be compared with the time."""
        at: Any = self.at(record)
        if at is None or (isinstance(at, datetime) and at.tzinfo is not None):
            return at
        raise NoMoment(property=place, given=at)
