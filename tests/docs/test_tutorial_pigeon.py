"""The tests that page 4 shows pass."""

from docs.tutorial.code.test_pigeon import *  # noqa: F403
