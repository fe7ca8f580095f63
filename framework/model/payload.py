"""Payloads: the typed, frozen bodies of requests and results."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from framework.errors import DeclarationError


class PayloadWithTable(DeclarationError):
    """`class {name}(Payload, table={given!r})` cannot be: a payload is a value in a field of a record, and
    has no table. Declare `class {name}(Entity, table=True)` for a record of its own, or leave it out.
    """


class Payload(BaseModel):
    """A frozen value of named fields, stored as JSON. Unknown fields are refused, and numbers that JSON
    lacks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init_subclass__(cls, **options: Any) -> None:
        if "table" in options:
            raise PayloadWithTable(name=cls.__name__, given=options["table"])
        super().__init_subclass__(**options)
