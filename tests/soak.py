"""How many random examples there are: some in `make test`, many in `make soak`.

`make soak` runs all that hypothesis draws, by its marker; who declares nothing has SOAKED examples there.
"""

import os

from hypothesis import HealthCheck, settings

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
SOAKED = 2000

settings.register_profile("soak", max_examples=SOAKED, deadline=None, print_blob=True)


def examples(many: int, *, soak: int, steps: int = 50, soak_steps: int = 50) -> settings:
    """So many of them, and of so many steps each, where they have any."""
    return settings(
        max_examples=soak if SOAK else many,
        stateful_step_count=soak_steps if SOAK else steps,
        deadline=None,
        suppress_health_check=[check for check in HealthCheck if check is not HealthCheck.filter_too_much],
        print_blob=True,
    )
