"""Propagation: everything that follows from a change, in order of height."""

from framework.runtime.steps.table import STEPS
from framework.runtime.work import Work


def propagate(work: Work) -> None:
    """Bring every affected property up to date.

    1. Take the due step of least height.
    2. Let it compute from the changes below it.
    3. Each value that changed makes the steps due that read it.
    """
    for node in work.due:
        STEPS[type(node)].carry_out(node, work)
