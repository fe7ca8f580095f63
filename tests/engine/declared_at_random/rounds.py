"""Rounds: what a rule makes of a state moves the machine on that has it, a wave later."""

from dataclasses import dataclass
from typing import Literal

State = Literal["still", "stirred", "done"]
Cause = Literal["moved", "made", "gone", "spread"]
Move = tuple[State, State, Cause]
"""From where, to where, and by what: what it is over, what a rule made or took, or those next to it."""


@dataclass(frozen=True)
class Round:
    """A record for each that is stirred: an event, or an entity that goes with the state."""

    number: int  # that of the machine
    model: int
    is_event: bool
    back: Cause | None
    counter: str | None  # the property whose change the machine waits for, instead of the record

    @property
    def name(self) -> str:
        return f"Made{self.number}"

    @property
    def relation(self) -> str:
        return f"made{self.number}"

    @property
    def moves(self) -> list[Move]:
        back: list[Move] = [] if self.back is None else [("done", "still", self.back)]
        return [("still", "stirred", "moved"), ("stirred", "done", "made"), *back]

    def when(self, cause: Cause) -> str:
        """The trigger of what the rule makes."""
        if self.counter is not None:
            return f"changed({self.counter})"
        return f"created({self.relation})" if cause == "made" else f"deleted({self.relation})"

    @property
    def class_source(self) -> str:
        kind, key = "Event" if self.is_event else "Entity", f"e{self.model}_id"
        field = f'Field(foreign_key="e{self.model}.id", ondelete="CASCADE")'
        return f"class {self.name}({kind}, table=True):\n    {key}: UUID = {field}\n"

    @property
    def rule_source(self) -> str:
        made = f"{self.name}(e{self.model}_id=one.id) if one.p{self.number} is Stage.STIRRED else None"
        return (
            f"@derive(reads=[E{self.model}.p{self.number}])\n"
            f"def make{self.number}(one: E{self.model}) -> {self.name} | None:\n    return {made}\n"
        )


@dataclass(frozen=True)
class Made:
    """The records that the rule has made of one."""

    by: Round
    is_one = False

    @property
    def name(self) -> str:
        return self.by.relation

    @property
    def models(self) -> tuple[int, ...]:
        """None: they have no numbers."""
        return ()

    @property
    def ways(self) -> frozenset[int]:
        return frozenset()
