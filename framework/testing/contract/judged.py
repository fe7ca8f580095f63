"""Tests that judge a subject: each names its case, and is skipped where the subject is exempt from that."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from framework.testing.contract.bench import Bench
from framework.testing.contract.cases import Case, exemption
from framework.testing.contract.subject import Subject

WHOLE = ["initialized", "processing", "completed"]
"""What a call sees that ends well."""

F = TypeVar("F", bound=Callable[..., Any])

JUDGED: dict[str, Case] = {}
"""Which case each test judges, by the name of the test."""


def judges(case: Case) -> Callable[[F], F]:
    """Name the case that a test judges."""

    def name(test: F) -> F:
        JUDGED[test.__name__] = case
        return test

    return name


class Judged:
    """Tests of one subject, each with a bench of its own."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError("A class that inherits the contract has a fixture `subject`")

    @pytest.fixture(autouse=True)
    def _applies(self, request: pytest.FixtureRequest, subject: Subject) -> None:
        """Skip with the manifest's reason what the subject is exempt from."""
        case = JUDGED[request.function.__name__]
        with subject.configured() as (integration, handlers):
            reason = exemption(case, subject, integration, handlers)
        if reason is not None:
            pytest.skip(f"{subject} is exempt: {reason}")

    @pytest.fixture
    async def bench(self, subject: Subject, tmp_path: Path) -> AsyncIterator[Bench]:
        with subject.at_home():
            bench = Bench(subject, tmp_path / "contract.db")
            await bench.settle()  # what a worker asks when it starts is not what these tests disturb
            yield bench
            assert bench.app.verify() == []
            bench.close()
