"""A function of the row itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from framework.computations.aggregate import G
from framework.model.computation import Computation

V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Formula(Computation[V]):
    """`of` this row's own fields. The record's type is not known inside its own class body: annotate a
    named function to have it checked.
    """

    of: Callable[..., V]
    reads: tuple[str, ...] | None = None
    given: Any = field(default=None, kw_only=True)
    functions: ClassVar[tuple[str, ...]] = ("of",)

    if TYPE_CHECKING:

        @overload
        def __init__(self, of: Callable[[Any], V], *, reads: tuple[str, ...] | None = None) -> None: ...
        @overload
        def __init__(
            self, of: Callable[[Any, G], V], *, given: type[G], reads: tuple[str, ...] | None = None
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...
