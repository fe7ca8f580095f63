"""The business stands without any vendor."""

import subprocess
import sys


def test_business_imports_no_integration():
    """In a process of its own, since this one may have imported them for another test."""
    said = "import sys, business; print([name for name in sys.modules if name.startswith('integrations')])"
    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
