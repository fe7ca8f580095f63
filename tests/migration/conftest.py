"""Databases of each kind, for declarations that change."""

from tests.engine.conftest import database_url

__all__ = ["database_url"]
