"""The way from a changed record to its host."""

from typing import Any
from uuid import UUID

from framework.model.entity import GLOBAL_ID
from framework.plan.shape import Route
from framework.runtime.work import Work
from framework.storage.codec import Row


def host_of(route: Route, row: Row | None) -> UUID | None:
    """The id of the host that the row counts for; None if it counts for none."""
    if row is None:
        return None
    return GLOBAL_ID if route.key is None else row[route.key]


def encoded_key(route: Route, work: Work, host: UUID) -> list[Any]:
    """The parameters by which a statement finds the sources of the host: none for the one Global."""
    return [] if route.key is None else [work.statements[route.host].encode_id(host)]
