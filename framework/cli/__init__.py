"""The command `millrace`."""

from framework.cli.commands import main

__all__ = ["main"]
