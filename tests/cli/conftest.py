"""What tests of the command line share."""

import os
from pathlib import Path

import pytest

from tests import forked

PROJECT = Path(__file__).resolve().parents[2]
OURS = ("STRIPE_", "DEEPL_", "VOLC_TTS_", "GITHUB_", "SLACK_", "MILLRACE_", "DATABASE_URL")


@pytest.fixture(scope="session")
def bare_environment():
    """The environment without credentials and addresses of anybody's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "PYTHONPATH": str(PROJECT), "COLUMNS": "200"}


@pytest.fixture
def millrace(tmp_path, bare_environment):
    """Run the command as people do, in an empty folder, so that nobody's `.env` is read."""

    def run(*arguments, **variables):
        return forked.millrace(*arguments, cwd=tmp_path, env={**bare_environment, **variables})

    return run
