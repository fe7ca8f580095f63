"""A value through a to-one relation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from framework.computations.aggregate import G
from framework.model.computation import Computation

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Lookup(Computation[T], Generic[R, T]):
    """`of` the record at the end of a to-one relation; where there is none, or nothing: `missing`, or
    None.
    """

    record: R | None
    of: Callable[..., Any]
    reads: tuple[str, ...] | None = None
    missing: Any = field(default=None, kw_only=True)
    given: Any = field(default=None, kw_only=True)
    functions: ClassVar[tuple[str, ...]] = ("of",)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: "Lookup[R, T | None]",
            record: R | None,
            of: Callable[[R], T | None],
            *,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: "Lookup[R, T | None]",
            record: R | None,
            of: Callable[[R, G], T | None],
            *,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            record: R | None,
            of: Callable[[R], T | None],
            *,
            missing: T,
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            record: R | None,
            of: Callable[[R, G], T | None],
            *,
            missing: T,
            given: type[G],
            reads: tuple[str, ...] | None = None,
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...

    @property
    def initial(self) -> Any:
        return self.missing
