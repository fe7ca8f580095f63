"""What the status of an answer says about an entry."""

from dataclasses import dataclass, field

import pytest

from framework.catalog import Health
from framework.catalog.answers import Wire, accepted, read
from framework.catalog.examination import finding_of
from framework.errors import IntegrationError, Permanent


@dataclass
class Answer:
    status_code: int
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Version(Wire):
    version: str


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_success_is_accepted(status: int) -> None:
    answer = Answer(status)
    assert accepted(answer) is answer


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (302, Health.UNHEALTHY),
        (400, Health.UNHEALTHY),
        (401, Health.UNAUTHORIZED),
        (403, Health.UNAUTHORIZED),
        (404, Health.UNHEALTHY),
        (408, Health.UNHEALTHY),
        (429, Health.DEGRADED),
        (500, Health.UNHEALTHY),
        (503, Health.UNHEALTHY),
    ],
)
def test_any_other_answer_says_whose_problem_it_is(status: int, health: Health) -> None:
    with pytest.raises(IntegrationError) as problem:
        accepted(Answer(status))
    found = finding_of(problem.value)
    assert found.health is health
    assert str(status) in found.detail


@pytest.mark.parametrize("content", [b"<html>", b"", b"[]", b'{"version": 7}', b"\xff"])
def test_a_success_that_is_not_as_described_is_named_and_not_quoted(content: bytes) -> None:
    with pytest.raises(Permanent, match="The answer is no Version"):
        read(Answer(200, content), Version)


def test_what_is_new_in_an_answer_is_passed_over() -> None:
    assert read(Answer(200, b'{"version": "17", "edition": "new"}'), Version) == Version(version="17")
