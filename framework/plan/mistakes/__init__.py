"""The mistakes a declaration can make. Each is found when the App is built, and names the way out."""

from framework.plan.mistakes.admission import *  # noqa: F403
from framework.plan.mistakes.classes import *  # noqa: F403
from framework.plan.mistakes.computations import *  # noqa: F403
from framework.plan.mistakes.machines import *  # noqa: F403
from framework.plan.mistakes.relations import *  # noqa: F403
from framework.plan.mistakes.rules import *  # noqa: F403
from framework.plan.mistakes.views import *  # noqa: F403
