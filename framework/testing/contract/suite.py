"""The tests that every integration inherits.

    class TestPigeon(IntegrationContract):
        @pytest.fixture
        def subject(self) -> Subject:
            return PIGEON

Each test judges one case of `framework.testing.contract.cases`. A case that does not apply is skipped with
the reason that the manifest gives, and fails where it gives none.
"""

from framework.testing.contract.calls import CallContract
from framework.testing.contract.judged import JUDGED
from framework.testing.contract.webhooks import WebhookContract

__all__ = ["JUDGED", "IntegrationContract"]


class IntegrationContract(CallContract, WebhookContract):
    """Inherit this and give a fixture `subject`; see the head of this module."""
