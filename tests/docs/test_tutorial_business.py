"""The tests that page 3 shows pass."""

from docs.tutorial.code.test_shop import *  # noqa: F403
