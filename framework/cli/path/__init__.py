"""The path from a vendor's name to an integration that is proven, as commands of `millrace`."""

from framework.cli.path.commands import register

__all__ = ["register"]
