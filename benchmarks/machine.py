"""Where a measurement was taken: numbers without this mean nothing."""

import os
import platform
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime

from benchmarks import server


def describe() -> dict[str, str]:
    """Cores, versions and date, as they stand in the report."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": server.version(),
        "node": _node_version(),
    }


def _node_version() -> str:
    if shutil.which("node") is None:
        return "none"
    return subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
