"""The newest few: read again from the index whenever one of those that take part came, went or changed."""

from typing import Any
from uuid import UUID

from framework.plan.shape import CollectNode
from framework.runtime.steps.route import encoded_key, host_of
from framework.runtime.work import Work


def step(node: CollectNode, work: Work) -> None:
    """Read the newest of every host whose takers changed: as many rows as the limit says."""
    touched: dict[UUID, None] = {}
    for change in work.changes(node.route.source):
        took_part = bool(change.before_row is not None and change.before_row[node.offer])
        takes_part = change.after is not None and node.computation.offer(change.after) is not None
        if change.after is not None:
            work.set(change, node.offer, takes_part)
        if took_part or takes_part:
            for id in (host_of(node.route, change.before_row), host_of(node.route, change.after_row)):
                if id is not None:
                    touched[id] = None
    for id in touched:
        host = work.find(node.route.host, id)
        if host is not None:
            work.set(host, node.property, _newest(node, work, id))


def _newest(node: CollectNode, work: Work, host: UUID) -> list[Any]:
    work.flush()
    statements = work.statements[node.route.source]
    sql = statements.newest_takers(node.route.key, node.offer, node.computation.limit)
    rows = work.connection.rows(sql, encoded_key(node.route, work, host))
    return [node.computation.offer(work.adopt(node.route.source, values).after) for values in rows]
