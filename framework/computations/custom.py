"""Anything pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from framework.computations.aggregate import G
from framework.model.computation import Computation

V = TypeVar("V")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Custom(Computation[V]):
    """What `compute(record)` returns, where `reads` names the fields and the relations that it reads.

    `"items"` reads all fields of the related records, `"items.price"` that one. A relation to many that is
    read is there as a list, by id, which is the order of their making; one to one as a record, or None. With
    `step(value, before, after)` and one relation to many, a changed related record (None: it came, or it
    went) moves the value without reading the others.

    With `over`, on a `Global`, `compute(record, records)` gets all records of that class, too, and `step` is
    given each of them that changed; `"Order.total"` among the reads says which of their fields are read.
    They come by id, too.
    """

    compute: Callable[..., V]
    step: Callable[..., V] | None = None
    reads: tuple[str, ...] = ()
    over: Any = field(default=None, kw_only=True)
    given: Any = field(default=None, kw_only=True)
    functions: ClassVar[tuple[str, ...]] = ("compute",)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            compute: Callable[[Any], V],
            step: Callable[[V, Any, Any], V] | None = None,
            reads: tuple[str, ...] = (),
        ) -> None: ...
        @overload
        def __init__(
            self,
            compute: Callable[[Any, G], V],
            step: Callable[[V, Any, Any, G], V] | None = None,
            reads: tuple[str, ...] = (),
            *,
            given: type[G],
        ) -> None: ...
        @overload
        def __init__(
            self,
            compute: Callable[[Any, list[R]], V],
            step: Callable[[V, R | None, R | None], V] | None = None,
            reads: tuple[str, ...] = (),
            *,
            over: type[R],
        ) -> None: ...
        def __init__(self, *positional: Any, **named: Any) -> None: ...
