"""A provider without a network, for tests and for trying things out."""

from typing import ClassVar

from framework.catalog.contract import Connector, EntryType, Finding, Health, Visit
from framework.errors import IntegrationError


class InMemory(Connector):
    """Finds what it is told to: for all entries by `answer`, or for one by its option `health`.

    `visits` are the configs with which it was asked, in order, each with what for.
    """

    type: ClassVar = EntryType.RUNTIME_HOST
    provider: ClassVar[str] = "in_memory"
    optional: ClassVar = {"health": "what visits find, such as degraded; healthy if nothing is said"}
    needs_address: ClassVar[bool] = False

    def __init__(self) -> None:
        self.visits: list[tuple[str, Visit]] = []
        self._answer: Finding | IntegrationError | None = None

    def answer(self, found: Finding | IntegrationError | None) -> None:
        """Find this from now on, or raise it; None goes back to what the entries say."""
        self._answer = found

    async def test_connection(self, visit: Visit) -> Finding:
        return self._found("test_connection", visit)

    async def check_health(self, visit: Visit) -> Finding:
        return self._found("check_health", visit)

    def _found(self, purpose: str, visit: Visit) -> Finding:
        self.visits.append((purpose, visit))
        match self._answer:
            case IntegrationError() as error:
                raise error
            case Finding() as found:
                return found
            case _:
                said = visit.config.options.get("health", Health.HEALTHY)
                return Finding(Health(said), f"It was told to be {said}.")
