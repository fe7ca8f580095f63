"""The mistakes of state machines."""

from framework.errors import DeclarationError


class NotAMachine(DeclarationError):
    """{model}.{property}: {given!r} is no {wanted}. Write {example}."""


class UnlistedState(DeclarationError):
    """{model}.{property}: the transition {transition} names {state!r}, which is no state of {enum}. Use a
    member of {enum}.
    """


class UnreachableState(DeclarationError):
    """{model}.{property}: the state {state!r} is never reached from {initial!r}. Add a transition that leads
    to it, or take it out of {enum}.
    """


class AmbiguousTransitions(DeclarationError):
    """{model}.{property}: in the state {state!r}, {trigger!r} could lead to {targets}. Guard all of them but
    one, or take one away.
    """


class DeadTrigger(DeclarationError):
    """{model}.{property}: the trigger {trigger!r} can never fire: {reason}"""


class DeadEntry(DeclarationError):
    """{model}.{property} waits for the entry of {state!r}, which never comes: {reason}"""


class ImpossibleErasure(DeclarationError):
    """{model}.{property} cannot delete its record on the entry of {state!r}: {reason}"""


class UnknownMachine(DeclarationError):
    """{model}.{property} is no state machine of this App. Name a class and a property declared as
    `computed(StateMachine(...))`.
    """
