"""A record that followed what it refers to."""

from dataclasses import dataclass
from uuid import UUID

from framework.plan.shape import Shape


@dataclass(frozen=True)
class Followed:
    """A record that a rule made, and that followed what it refers to: it went, or a key of it is None."""

    shape: Shape
    id: UUID
    made_by: str
    key: str | None
