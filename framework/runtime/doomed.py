"""Records that are to go because of the state that they entered."""

from uuid import UUID

from framework.plan.node import MachineNode
from framework.runtime.work import Work

_DOOMED = object()


def doom(work: Work, node: MachineNode, id: UUID) -> None:
    """The record goes when everything has followed from its last state."""
    doomed: dict[tuple[MachineNode, UUID], None] = work.notes.setdefault(_DOOMED, {})
    doomed[node, id] = None


def take_doomed(work: Work) -> list[tuple[MachineNode, UUID]]:
    """All that are to go, once; the same records always in one order."""
    if _DOOMED not in work.notes:
        return []
    return sorted(work.notes.pop(_DOOMED), key=lambda one: (one[0].position, one[1]))
