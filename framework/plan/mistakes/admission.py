"""The mistakes of guards, policies and activities."""

from framework.errors import DeclarationError


class GuardOfNoEvent(DeclarationError):
    """The condition {condition} guards {model}, which nobody dispatches, so that it would never be asked.
    Guard an Event class; facts are checked by their fields, `Field(gt=0)`.
    """


class UnaskableCondition(DeclarationError):
    """The condition {condition} cannot be asked: it takes {signature}. Declare it as
    `(event, admission) -> bool`.
    """


class UnaskablePolicy(DeclarationError):
    """The policy {policy} needs one parameter, the reader, such as `(reader: Reader)`; it has {signature}."""


class HiddenIdentity(DeclarationError):
    """The policy {policy} hides {model}.id, by which records are told apart. Let its criterion hide the whole
    record instead.
    """


class HidesOfAView(DeclarationError):
    """The policy {policy} hides fields of {model}, which is a view of {base}: a field is hidden of all
    records of a class, or of none. Let a policy of {base} hide it.
    """


class NoStep(DeclarationError):
    """The activity {activity} has no step after its opening event. Name what follows, or leave it away."""


class PointlessGroup(DeclarationError):
    """The activity {activity} has a group ({group}) with {branches} branches, so there is nothing to choose.
    Give it two or more, or put the step in its place.
    """


class UnusableStep(DeclarationError):
    """The activity {activity} has the step {step}, which nobody can dispatch. Steps are event classes of your
    own, tuples of steps, and `any_of`, `all_of` or `race`.
    """


class RepeatedStep(DeclarationError):
    """The activity {activity} reaches {event} twice, so nobody could tell which step it is. Give each step an
    event class of its own.
    """


class StepMadeByRule(DeclarationError):
    """The activity {activity} has the step {event}, which the rule {rule} makes: a rule does not wait for its
    turn. Dispatch it, or leave it out of the activity.
    """


class UnroutedStep(DeclarationError):
    """The activity {activity} cannot tell which instance {event} belongs to: it {reason}"""


class FleetingStep(DeclarationError):
    """The activity {activity} has the step {event}, which would go with its {target} ({event}.{field}
    cascades) and leave a gap. Let the opening event refer to {target}, or take `ondelete` away.
    """


class TwoActivitiesOneName(DeclarationError):
    """Two activities of this App are called {activity}. Give one another: `Activity(..., name="...")`."""
