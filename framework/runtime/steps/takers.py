"""The records that take part in a selection by the moment of their creation, as this transaction has them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from framework.plan.node import CollectNode, RecencyNode
from framework.runtime.change import Change
from framework.runtime.steps.route import encoded_key, host_of
from framework.runtime.work import Work

Node = RecencyNode | CollectNode


def touched_takers(node: Node, work: Work, offer: Callable[[Any], Any]) -> dict[UUID, list[Change]]:
    """By host, the records at hand that took or take part; what each offers is noted in its row."""
    touched: dict[UUID, list[Change]] = defaultdict(list)
    for change in work.changes(node.route.source):
        before, after = change.before_row, change.after_row
        took_part = before is not None and before[node.offer]
        takes_part = after is not None and offer(change.after) is not None
        if after is not None:
            work.set(change, node.offer, takes_part)
        if took_part or takes_part:
            was, now = host_of(node.route, before), host_of(node.route, after)
            if was is not None and was != now:
                touched[was].append(change)
            if now is not None:
                touched[now].append(change)
    return touched


def takes_part(node: Node, change: Change, host: UUID) -> bool:
    row = change.after_row
    return row is not None and bool(row[node.offer]) and host_of(node.route, row) == host


def takers(
    node: Node, work: Work, host: UUID, touched: Sequence[Change], *, newest: bool, limit: int
) -> list[Any]:
    """The newest or oldest that take part, at most `limit`: of those at hand, and those in the index.

    The host is locked: what is told to the database from now on is newer than all that others have told it.
    """
    here = [change for change in touched if takes_part(node, change, host)]
    fresh = [change.after for change in here if not change.stored]
    if not newest:
        return (_stored(node, work, host, touched, here, newest, limit) + fresh)[:limit]
    fresh.reverse()
    if len(fresh) >= limit:
        return fresh[:limit]
    return fresh + _stored(node, work, host, touched, here, newest, limit - len(fresh))


def _stored(
    node: Node,
    work: Work,
    host: UUID,
    touched: Sequence[Change],
    here: Sequence[Change],
    newest: bool,
    limit: int,
) -> list[Any]:
    """Of what the index has, that which is still so; and what it has yet to be told, in its place."""
    source = node.route.source
    news = [change for change in here if change.stored and _is_news(node, change)]
    ranked = [(_rank(work, change), change.after) for change in news]
    sql = work.statements[source].takers(node.route.key, node.offer, newest=newest)
    asked = limit + len(touched)
    while True:
        rows = work.connection.rows(sql, [*encoded_key(node.route, work, host), asked])
        found: list[tuple[Any, Any]] = []
        for rank, *values in rows:
            record, change = work.glance(source, values)
            if change is None or (takes_part(node, change, host) and not _is_news(node, change)):
                found.append((rank, record))
                if len(found) == limit:
                    break
        if len(found) == limit or len(rows) < asked:
            break
        asked *= 2
    ranked = sorted(ranked + found, key=itemgetter(0), reverse=newest)
    return [record for _, record in ranked[:limit]]


def _is_news(node: Node, change: Change) -> bool:
    """Whether the index has yet to be told of what the record offers, or to whom."""
    return node.offer in change.dirty or node.route.key in change.dirty


def _rank(work: Work, change: Change) -> Any:
    statements = work.statements[change.shape]
    return work.connection.row(statements.rank, [statements.encode_id(change.id)])[0]
