"""Payloads: the typed, frozen bodies of requests and results."""

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """A frozen value of named fields, stored as JSON. Unknown fields are refused, and numbers that JSON
    lacks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
