"""Every integration keeps the contract, or its manifest says why not."""

import pytest

from framework.testing.contract import Subject
from framework.testing.contract.suite import IntegrationContract
from tests.integrations.pigeon.subject import PIGEON
from tests.integrations.subjects import SUBJECTS


class TestContract(IntegrationContract):
    @pytest.fixture(params=SUBJECTS, ids=str)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        assert isinstance(request.param, Subject)
        return request.param


class TestPigeon(IntegrationContract):
    @pytest.fixture
    def subject(self) -> Subject:
        return PIGEON
