"""What a handler may say."""

from dataclasses import FrozenInstanceError
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from framework.errors import InvariantBroken
from framework.integration import Completed, ExternalId, Failed, NotSubmitted, Processing, own_external_id


def test_outcomes_are_values() -> None:
    assert Completed(external_id=ExternalId("pi_1")) == Completed(external_id=ExternalId("pi_1"))
    assert Failed("no funds") == Failed("no funds", code="failed")
    assert Processing(detail="queued") != Processing()
    assert NotSubmitted() == NotSubmitted()
    with pytest.raises(FrozenInstanceError):
        Failed("no funds").reason = "other"  # type: ignore[misc]


def test_all_but_the_first_argument_are_named() -> None:
    with pytest.raises(TypeError):
        Failed("no funds", "declined")  # type: ignore[call-arg, arg-type]
    with pytest.raises(TypeError):
        Processing("queued")  # type: ignore[call-arg, arg-type]


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InvariantBroken, match="no time zone"):
        Completed(occurred_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_call_without_a_vendor_id_always_gets_the_same_one() -> None:
    call = UUID("0190a000-0000-7000-8000-000000000001")
    assert own_external_id(call) == own_external_id(UUID(str(call)))
    assert own_external_id(call) != own_external_id(uuid4())
    assert own_external_id(call) == "de160ffc-55ce-52cf-9a5e-98b18d15e389"
