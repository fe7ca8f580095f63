"""Calls as users of the API see them: how they stand, not what they are about."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from framework.integration.attempts import Attempt, AttemptVerb
from framework.model.apicall import APICall, CallStatus
from framework.observe import redactor


class AttemptSeen(BaseModel):
    """One try. `doubtful`: the vendor may have acted on it without our hearing of it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    number: int
    verb: AttemptVerb
    started_at: datetime
    finished_at: datetime | None
    doubtful: bool
    error: str | None
    code: str | None


class CallSeen(BaseModel):
    """How a call stands. Neither its request nor its result is shown: they are the business's to show."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    call: str
    integration: str
    status: CallStatus
    external_id: str | None
    error: str | None
    created_at: datetime
    completed_at: datetime | None
    attempts: tuple[AttemptSeen, ...]

    @classmethod
    def of(cls, call: APICall, integration: str, attempts: Sequence[Attempt]) -> Self:
        return cls(
            id=call.id,
            call=type(call).__name__,
            integration=integration,
            status=call.status,
            external_id=call.external_id,
            error=None if call.error is None else redactor.text(call.error),
            created_at=call.created_at,
            completed_at=call.completed_at,
            attempts=tuple(AttemptSeen.model_validate(attempt) for attempt in attempts),
        )
