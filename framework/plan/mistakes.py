"""The mistakes a declaration can make. Each is found when the App is built, and names the way out."""

from framework.errors import DeclarationError


class NotADeclaration(DeclarationError):
    """{thing!r} is neither a module, a record class with `table=True`, nor a rule. Pass App(modules=[...])
    modules, or lists of classes and rules.
    """


class TableCollision(DeclarationError):
    """{one} and {other} would both be kept in the table {table!r}. Give one of them a `__tablename__` of its
    own.
    """


class ReservedTable(DeclarationError):
    """{model} would be kept in the table {table!r}, but names that begin with `millrace_` are the engine's
    own. Give the class another `__tablename__`.
    """


class UnknownTable(DeclarationError):
    """{model}.{field} refers to {target!r}, but no class of this App is kept in that table. Add its class to
    the App's modules, or correct the name.
    """


class NameTooLong(DeclarationError):
    """{place}: {what} would be called {name!r}, and PostgreSQL keeps no more than 63 bytes of a name. Take a
    shorter one.
    """


class UnknownType(DeclarationError):
    """{model}.{field} is declared as {annotation}, for which there is no column. Use str, int, bool, float,
    bytes, UUID, datetime, date, timedelta, a StrEnum, a Payload, a dataclass, or a Decimal with as many
    decimal places as it has: `Annotated[Decimal, Field(decimal_places=2)]`.
    """


class UnresolvedType(DeclarationError):
    """{model}.{field} is declared as {annotation}, in which {name!r} means nothing. Declare that above it, or
    import it there.
    """


class RecordInAField(DeclarationError):
    """{model}.{field} is declared as {annotation}, but a record is kept in its own table. Declare its key and
    the relation: {remedy}.
    """


class KeyOfAnotherType(DeclarationError):
    """{model}.{field} is declared as {annotation}, but refers to {target}.{key}, which is a {wanted}.
    Annotate it as {wanted}.
    """


class KeyToNoId(DeclarationError):
    """{model}.{field} refers to {target!r}, but records are referred to by their id. Refer to
    `foreign_key="{table}.id"`, and read the other value through a relation.
    """


class OwnFact(DeclarationError):
    """{model}.{field} is declared as {annotation}, but of every {kind} it is a {wanted}, which the framework
    gives it. Take the declaration out, and keep other values in a field of another name.
    """


class TwoKinds(DeclarationError):
    """{model} is declared as {one} and as {other} at once. Make it one of them, and refer to the other by a
    foreign key.
    """


class NoRequest(DeclarationError):
    """{model}.request is {annotation}, but a call keeps what it asks for as a payload. Declare
    `class {model}Request(Payload):` and `request: {model}Request`.
    """


class IndexOfJson(DeclarationError):
    """{model}.{field} is kept as JSON, of which no index is made, and so nothing is unique by it. Give what
    is looked for a field of its own.
    """


class UnknownOndelete(DeclarationError):
    """{model}.{field} declares `ondelete={ondelete!r}`, which means nothing. Say "CASCADE", "SET NULL" or
    "RESTRICT", or leave it out: then what refers to a record keeps it.
    """


class GuardOfNoEvent(DeclarationError):
    """The condition {condition} guards {model}, which nobody dispatches, so that it would never be asked.
    Guard an Event class; facts are checked by their fields, `Field(gt=0)`.
    """


class UnaskableCondition(DeclarationError):
    """The condition {condition} cannot be asked: it takes {signature}. Declare it as
    `(event, admission) -> bool`.
    """


class NotAMachine(DeclarationError):
    """{model}.{property}: {given!r} is no {wanted}. Write {example}."""


class BrokenRelation(DeclarationError):
    """{model}.{relation} cannot be joined: {reason} Declare one foreign key between the two classes, or name
    it in `sa_relationship_kwargs`.
    """


class UnknownRelation(DeclarationError):
    """{model}.{property}: {computation} is over something that is not a relation of {model}. Name a relation
    declared above it in the class body{remedy}.
    """


class WrongSide(DeclarationError):
    """{model}.{property}: {computation} needs a {expected} relation, but {model}.{relation} is
    {actual}. {remedy}
    """


class RelationToView(DeclarationError):
    """{model}.{relation} is a relation to {view}, which is a view of {base} and has no table of its own.
    Declare the relation to {base}, and take a part of it: `{part} = subset({relation}, {view})`.
    """


class RelationToSeveral(DeclarationError):
    """{model}.{relation} is a relation to {base}, which has no table of its own: its records are in those of
    {classes}. Declare a relation to each of them, and merge these: `{relation}: ... = merged(...)`.
    """


class ViewNamed(DeclarationError):
    """{place} names {model}, which is a view of {base} and has no table of its own. Name {base} there."""


class KeyToSeveral(DeclarationError):
    """{model}.{field} refers to {target!r}, but {base} has no table of its own: its records are in those of
    {classes}. Declare a key and a relation to each of them, and merge the relations: `merged({relations})`.
    """


class AmbiguousSide(DeclarationError):
    """{model}.{relation} joins {model} with itself, and cannot tell the one from the many. Declare the side
    that leads to one record with `sa_relationship_kwargs={{"remote_side": "{model}.id"}}`, the other one
    without.
    """


class LinkTableRelation(DeclarationError):
    """{model}.{relation} goes through {link}, which is no record class. Declare the link as an `Entity` with
    `table=True` and two foreign keys, and name it: `Relationship(link_model=...)`.
    """


class BrokenLink(DeclarationError):
    """{model}.{relation} cannot go through {link}: {reason}"""


class AmbiguousLink(DeclarationError):
    """{model}.{relation} goes through {link}, where {keys} both name a {model}. Say which of them is the one
    that has the relation: `by={link}.{first}` or `by={link}.{second}`.
    """


class RepeatedPairs(DeclarationError):
    """{model}.{relation} goes through {link}, which may link the same two twice. Declare
    `__table_args__ = (Unique({keys}),)` on {link}; or relate to {link} itself, if each link counts.
    """


class CannotBeTaken(DeclarationError):
    """{model}.{field} cannot be taken over: {reason}"""


class SameSide(DeclarationError):
    """{model}.{one} and {model}.{other} both go through {link} by {key}, so they are one relation. Drop one,
    or let it go by the other key.
    """


class UnknownRead(DeclarationError):
    """{place} reads {field!r}, but {model} has no such field. Its fields are: {fields}."""


class RelationRead(DeclarationError):
    """{place} reads the relation {model}.{field}. One computation reads one hop: make the further value a
    computed property of {model} and read that.
    """


class Unfollowable(DeclarationError):
    """{place} hands its record to code that cannot be followed ({reason}). Say what it reads:
    `reads=("field", ...)`.
    """


class UnfollowableRule(DeclarationError):
    """The rule {rule} hands its record to code that cannot be followed ({reason}). Say what it reads, beside
    all facts: `@derive(reads=[{model}.property, ...])`.
    """


class GivenNoGlobal(DeclarationError):
    """{place} is given {model}, which is no `Global`. Parameters are the one row of a Global; use Lookup for
    a value of another record.
    """


class WrongParameters(DeclarationError):
    """{place} has a callback that takes {taken}, but it is called with {called}. Write it as {remedy}."""


class NotAFunction(DeclarationError):
    """{place} has {given!r} in the place of a callback, which is no function. Write it as {remedy}."""


class AnswersLater(DeclarationError):
    """{place} has a callback that is {kind}, but its value is wanted at once, in the transaction. Write it
    as a plain `def` that returns the value.
    """


class CyclicComputation(DeclarationError):
    """These define each other: {path}. {remedy}."""


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


class NoRecordClass(DeclarationError):
    """{thing!r} is no class. Name the class of the record first, and then its id: `app.get(Order, id)`."""


class UndeclaredRecord(DeclarationError):
    """{place} needs {model}, which is not part of this App. Add it to the App's modules."""


class WrongKeys(DeclarationError):
    """{model}.{property}: {computation} with `by` is a dictionary by {keys}, but is annotated {annotation}.
    Annotate it as dict[key, {gives}], where a key is a str, int, bool, StrEnum, UUID or date.
    """


class AllRecordsOnEntity(DeclarationError):
    """{model}.{property}: {computation} over all records of {source} is one value, but {model} has many rows.
    Declare it on a `Global`, or name a relation.
    """


class WrongAnnotation(DeclarationError):
    """{model}.{property}: {computation} gives {gives}, but is annotated {annotation}. {remedy}"""


class SecondSource(DeclarationError):
    """{model}.{property} is computed and would have a second source: {source}. A property has one definition:
    remove one of them.
    """


class GlobalWithoutDefault(DeclarationError):
    """{model}.{field} has no default, but the row of a Global is there from the start. Give it a default."""


class ImpossibleDefault(DeclarationError):
    """{model}.{field} has the default {default!r}, with which no record could be stored: {problem}. Give it
    one that is valid, or none; for None, annotate it `| None`.
    """


class ImpossibleValue(DeclarationError):
    """{model}.{property}: {computation}({word}={given!r}) cannot be: the property is a {annotation}. Give
    a value of that type.
    """


class ImpossibleOption(DeclarationError):
    """{model}.{property}: {computation}({word}={given!r}) cannot be: it must be {must}."""


class ImpossibleConstraint(DeclarationError):
    """{model}.{field} is declared as {annotation} with constraints that it cannot have: {problem}. Leave them
    out, or annotate it as what they are for.
    """


class UnheardValidator(DeclarationError):
    """{model}.{validator} validates the whole model, but facts are validated one by one. Use
    `@field_validator`, or a `@guard` on the event.
    """


class UntypedRule(DeclarationError):
    """The rule {rule} needs one parameter and a return type that name record classes, such as `(order: Order)
    -> Charge | None`, and may take a Global after its record; it has {signature}.
    """


class RuleFeedsWrongKind(DeclarationError):
    """The rule {rule} makes {target} from {source}, but {reason}"""


class UndeclaredRuleRead(DeclarationError):
    """The rule {rule} reads the computed property {model}.{field}. Declare it:
    `@derive(reads=[{model}.{field}])`.
    """


class TwoRulesOneName(DeclarationError):
    """Two rules of this App are called {rule}. Rename one: records remember the rule that made them by its
    name.
    """


class FutureAnnotations(DeclarationError):
    """{model} is declared under `from __future__ import annotations`, which hides the types of its relations.
    Remove that line from {module}.
    """


class ForeignMixin(DeclarationError):
    """{model}.{field} comes from {mixin}, which is no record class, so that its column would keep values as
    it likes. Declare `class {mixin}({kind}):` without `table=True`.
    """


class QuotedAnnotation(DeclarationError):
    """{model}.{field} is annotated with the text {annotation!r}, which says no type to make a column of.
    Write it without quotes; only relations may need them.
    """


class UnknownMachine(DeclarationError):
    """{model}.{property} is no state machine of this App. Name a class and a property declared as
    `computed(StateMachine(...))`.
    """


class UnaskablePolicy(DeclarationError):
    """The policy {policy} needs one parameter, the reader, such as `(reader: Reader)`; it has {signature}."""


class HiddenIdentity(DeclarationError):
    """The policy {policy} hides {model}.id, by which records are told apart. Let its criterion hide the whole
    record instead.
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


class TwoUniques(DeclarationError):
    """{model} says twice that {fields} is unique. Keep one, so that a violation has one code."""


class UnusableFilter(DeclarationError):
    """{model}: the filter of Unique({fields}) cannot be used: {reason}. Give a condition on the columns of
    {model}, such as `where=lambda row: row.closed_at.is_(None)`.
    """


class UnusableRetention(DeclarationError):
    """{model} cannot be retained like this: {reason}"""


class RenamedUnknown(DeclarationError):
    """{model}.__renamed__ says what {field!r} was called, and {model} keeps nothing of that name. It keeps:
    {fields}. All else is computed anew.
    """


class RenamedOnto(DeclarationError):
    """{model}.__renamed__ says that {former} was its former name, but {former} is still declared. Remove one
    of both.
    """


class FilterMissing(DeclarationError):
    """{model} is a subclass of {base} and has neither a table nor a `where`. Say which records belong to it:
    `class {model}({base}, where=lambda record: ...)`.
    """


class ViewOfTwo(DeclarationError):
    """{model} is a view of {bases}. Make it one of {base}, and let its `where` say the rest."""


class FieldsOfAView(DeclarationError):
    """{model} is a view of {base} and has no columns of its own, but declares {added}. Declare that on
    {base}.
    """


class TwoViewsOneName(DeclarationError):
    """Two views of {source} are called {view}. Rename one."""


class MergedTwice(DeclarationError):
    """{model}.{relation} merges two relations to {source}, so a record could be in it twice. Merge relations
    to different classes.
    """


class NotAPartOf(DeclarationError):
    """{model}.{relation} takes of {source} those that belong to {view}, which is no view of {source} in this
    App. Name a filtered class of {source}, and add it to the App's modules.
    """
