"""What a link carries of the record at its far end, so that what is computed over links sees the record."""

import copy
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Boolean
from sqlalchemy.types import TypeEngine

from framework.computations.aggregate import Additive
from framework.computations.count import Count
from framework.computations.selective import Collect, Extreme, Recency
from framework.computations.triggers import LinkTrigger, Trigger
from framework.model.columns import column_type
from framework.plan.given import Given
from framework.plan.hidden import hidden_name
from framework.plan.lens import Lens
from framework.plan.node import LookupMember, LookupNode
from framework.plan.reading import Read
from framework.plan.shape import Far, HiddenColumn, Route, Shape

A = TypeVar("A", bound=Additive[Any, Any])
S = TypeVar("S", bound=Extreme[Any, Any] | Recency[Any, Any] | Collect[Any, Any])


def carry(
    host: Shape,
    ends: tuple[Far, ...],
    column: str,
    kind: TypeEngine[Any],
    of: Callable[..., Any],
    reads: frozenset[Read],
    given: Given | None = None,
    *,
    name: str | None = None,
) -> LookupNode:
    """The node of a hidden column of a link, or of another record, that is always `of` the record at its far
    end, the first that leads to one, and what it is given.
    """
    host.hidden.append(HiddenColumn(column, kind))
    host.inner.append(column)
    host.relative = False
    keys = {vertex for end in ends for vertex in ((end.shape, None), (host, end.key))}
    node = LookupNode(
        name=name or f"{host.name}.{column}",
        reads=reads | {(host, None), *keys},
        writes=frozenset({(host, column)}),
        host=host,
        ends=ends,
        members=(LookupMember(column, of, reads),),
    )
    return node.with_given(given)


def carried_additive(
    route: Route, name: str, computation: A, reads: frozenset[Read], given: Given | None
) -> tuple[A, list[LookupNode]]:
    """The computation over links, and the nodes of what they carry for it."""
    link, far = route.source, route.far
    assert far is not None, "it goes through a link model"
    if isinstance(computation, Count) and computation.where is None and route.lens is None:
        key = far.key
        return _instead(computation, "contribution", lambda link: (int(getattr(link, key) is not None),)), []
    columns = [
        hidden_name(route.host.table.name, name, *([state] if state else [])) for state in computation.states
    ]
    nodes = [
        carry(link, (far,), column, BigInteger(), _part(computation, position), reads, given)
        for position, column in enumerate(columns)
    ]
    return _instead(computation, "contribution", _all_of(columns)), nodes


def carried_groups(
    route: Route, name: str, key: type, computation: A, reads: frozenset[Read], given: Given | None
) -> tuple[A, list[LookupNode]]:
    """The totals by key over links, and the nodes of the key and the amounts that they carry."""
    link, far = route.source, route.far
    assert far is not None, "it goes through a link model"
    by, *columns = (
        hidden_name(route.host.table.name, name, part)
        for part in ("key", *(state or "state" for state in computation.states))
    )
    kind = column_type(key)
    assert kind is not None, "keys have been checked"
    nodes = [carry(link, (far,), by, kind, _bound(computation, attrgetter("by")), reads, given)]
    nodes += [
        carry(link, (far,), column, BigInteger(), _part(computation, position, of="counted"), reads, given)
        for position, column in enumerate(columns)
    ]
    over = _instead(computation, "by", attrgetter(by))
    return _instead(over, "counted", _all_or_nothing(columns)), nodes


def carried_offer(
    route: Route,
    column: str,
    kind: TypeEngine[Any],
    computation: S,
    reads: frozenset[Read],
    given: Given | None,
) -> tuple[S, LookupNode]:
    """The selection among links, and the node of what they carry for it."""
    assert route.far is not None, "it goes through a link model"
    offer = _bound(computation, attrgetter("offer"))
    node = carry(route.source, (route.far,), column, kind, offer, reads, given)
    return _instead(computation, "offer", lambda link: getattr(link, column)), node


def carried_trigger(route: Route, name: str, trigger: Trigger) -> tuple[Trigger, list[LookupNode]]:
    """The trigger over links, and the node of the field that it waits for."""
    far = route.far
    assert far is not None, "it goes through a link model"
    field = trigger.field
    column = None if field is None else hidden_name(route.host.table.name, name, field)
    over = LinkTrigger.over(trigger, column, far.key)
    if column is None or field is None or column in route.source.inner:  # another trigger waits for it too
        return over, []
    kind = far.shape.table.c[field].type
    return over, [
        carry(route.source, (far,), column, kind, attrgetter(field), frozenset({(far.shape, field)}))
    ]


def carried_lens(route: Route, name: str) -> tuple[Lens | None, list[LookupNode]]:
    """How links are seen by who sees of their far ends the members of a view, and the node of what they
    carry for that.
    """
    lens, far, link = route.lens, route.far, route.source
    assert far is not None, "it goes through a link model"
    if lens is None:
        return None, []
    column = hidden_name(route.host.table.name, name, lens.column.removeprefix("_"))
    seen = Lens(lens.name, column, link.model, link.view)
    if column in link.inner:  # for another trigger of the same machine
        return seen, []
    reads: frozenset[Read] = frozenset({(far.shape, lens.column)})
    return seen, [carry(link, (far,), column, Boolean(), attrgetter(lens.column), reads)]


def reads_of_link(route: Route, nodes: Sequence[LookupNode]) -> frozenset[Read]:
    """What a computation over links reads of them."""
    assert route.far is not None, "it goes through a link model"
    return frozenset({(route.source, route.far.key)}).union(*(node.writes for node in nodes))


def _instead(computation: Any, name: str, function: Callable[[Any], Any]) -> Any:
    """The computation, but for one function, which is given a link."""
    twin = copy.copy(computation)
    object.__setattr__(twin, name, function)
    return twin


def _bound(computation: Any, function: Callable[[Any], Callable[[Any], Any]]) -> Callable[..., Any]:
    """A function of the computation that takes a record, and what the computation is given."""
    if computation.given is None:
        return function(computation)
    return lambda record, parameters: function(computation.with_parameters(parameters))(record)


def _part(computation: Any, position: int, of: str = "contribution") -> Callable[..., int | None]:
    whole = _bound(computation, attrgetter(of))

    def part(*given: Any) -> int | None:
        state = whole(*given)
        return None if state is None else state[position]

    return part


def _all_of(columns: Sequence[str]) -> Callable[[Any], tuple[int, ...]]:
    """What the link carries; it carries nothing where nobody is at its far end."""
    return lambda link: tuple(getattr(link, column) or 0 for column in columns)


def _all_or_nothing(columns: Sequence[str]) -> Callable[[Any], tuple[int, ...] | None]:
    """What the link carries; None where the record at its far end does not count."""

    def state(link: Any) -> tuple[int, ...] | None:
        return None if getattr(link, columns[0]) is None else tuple(getattr(link, one) for one in columns)

    return state
