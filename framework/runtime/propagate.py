"""Propagation: everything that follows from a change, in order of height."""

from framework.errors import MillraceError
from framework.plan.node import Node
from framework.runtime.steps.table import STEPS
from framework.runtime.work import Work


def propagate(work: Work) -> None:
    """Bring every affected property up to date.

    1. Take the due step of least height.
    2. Let it compute from the changes below it.
    3. Each value that changed makes the steps due that read it.
    """
    node: Node | None = None
    try:
        for node in work.due:
            STEPS[type(node)].carry_out(node, work)
    except MillraceError:
        raise
    except Exception as error:
        if node is not None:
            error.add_note(f"This was raised by {node.name}, which follows from what the transaction did.")
        raise
