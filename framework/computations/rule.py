"""Rules: one record exists because another does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar, overload

from framework.model.words import check_names, check_text, name_of, word

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Rule(Generic[P, T]):
    """A pure function of one record; still callable, so that it can be tested as what it is."""

    function: Callable[P, T]
    reads: tuple[Any, ...] = ()
    renamed_from: str | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.function(*args, **kwargs)

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def key(self) -> str:
        """What the records that this rule makes are keyed by: stable over restarts, and short."""
        return f"{self.function.__module__}.{self.function.__qualname__}"


@overload
def derive(function: Callable[P, T], /) -> Rule[P, T]: ...
@overload
def derive(
    *, reads: Sequence[Any] = (), renamed_from: str | None = None
) -> Callable[[Callable[P, T]], Rule[P, T]]: ...
@word
def derive(
    function: Callable[P, T] | None = None,
    /,
    *,
    reads: Sequence[Any] = (),
    renamed_from: str | None = None,
) -> Rule[P, T] | Callable[[Callable[P, T]], Rule[P, T]]:
    """Declare a rule: for each record it accepts, the records it returns exist.

    From an event to records: made once. From an entity to entities: kept equal to what the function returns.
    From an entity to calls or events: made once, never changed. The function may read the facts of its
    argument, and the computed properties that `reads` lists (`reads=[Order.total]`, or `reads=["total"]`). A
    second argument may be the row of a `Global`: what is kept equal follows its changes, too.
    `renamed_from` is what the rule was called before (`"shop.orders.bill"`), so that a migration knows what
    it has made.

    From a view: what is made exists while the source is a member, and comes anew when it is one again; calls
    and events are made once, on first entering. From a class that others extend: of all their records.
    """
    check_names(reads, "reads", "A rule")
    check_text(renamed_from, "derive", "renamed_from")

    def declared(function: Callable[P, T]) -> Rule[P, T]:
        name_of(function, "derive", "@derive")
        return Rule(function, tuple(reads), renamed_from)

    return declared if function is None else declared(function)
