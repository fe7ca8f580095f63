"""What the caller of the engine can get wrong."""

from collections.abc import Mapping

from framework.errors import DeclarationError, DispatchError


class InvalidRecord(DispatchError):
    """{model} is not valid: {problems}."""

    codes: Mapping[str, str]
    """What is wrong, by field: `missing`, or what pydantic calls it."""


class MissingReference(DispatchError):
    """{model}.{field} refers to {target} {id}, which does not exist. Create it first, or correct the id."""


class StillReferenced(DispatchError):
    """{model} {id} cannot be deleted: {referrer}.{field} still refers to it. Delete those records first, or
    declare `ondelete` on that field.
    """


class AlreadyExists(DispatchError):
    """{model} with {columns} = {values} exists already (code {code!r}). Use another value, or update the
    record that is there.
    """


class NoNaturalKey(DispatchError):
    """{model} has no unique key of {key}. Its keys are: {keys}. Declare `Unique(...)`, or name one that is
    there.
    """


class AmbiguousKey(DispatchError):
    """{model} has several unique keys: {keys}. Say which one counts: `tx.ensure(record, by=(...))`."""


class CannotExchange(DispatchError):
    """Records of {model} exchange their {columns}, and there is nothing that they could be in between.
    Annotate one of these `| None`, or give one of the records another value first, in a transaction of its
    own.
    """


class DeletedHere(DispatchError):
    """{model} {id} was deleted in this transaction, which cannot give its id to another. Update the record
    instead.
    """


class NoSuchRecord(DispatchError):
    """There is no {model} with the id {id}."""


class NotAnId(NoSuchRecord):
    """There is no {model} with the id {id}: an id is a UUID, or its text. That of a record is `order.id`."""


class WhichRecord(DispatchError):
    """There are many records of {model}. Say which, by its id: `{model}, id`."""


class RelationNotLoaded(DispatchError):
    """{model}.{relation} was not asked for with the record. Load it along:
    `select({model}).options(selectinload({model}.{relation}))`, of `sqlalchemy.orm`, in `app.query`.
    """


class NotIndexed(DispatchError):
    """No index of {model} begins with {fields}, so all its records would be read. Declare
    `Field(index=True)`, and ask for a value that is not None.
    """


class ActorRequired(DispatchError):
    """{model} has a query policy, and nobody said who reads. Pass `actor=...`."""


class HiddenField(DispatchError):
    """{model}.{field} is hidden from this reader by the policy {policy}. Read without it."""


class StatementInText(DispatchError):
    """{text!r} is SQL as text, which is held to no query policy and no tenant. Say it with the attributes of
    the classes.
    """


class UnknownTableRead(DispatchError):
    """The table {table} is no record class of this App, so it is held to no query policy and no tenant.
    Select classes.
    """


class NotASelect(DispatchError):
    """Only a `select(...)` can be asked, and {statement} is none. Write `app.query(select(Order))`; what
    changes records stands in `app.transaction()`.
    """


class UnusableQuery(DispatchError):
    """This query cannot be asked: {reason}. Say it with the attributes of the classes,
    `select(Order).where(Order.cents > 0)`.
    """


class UnusablePolicy(DeclarationError):
    """The policy {policy} of {model} cannot be used: {reason}. Give True, False, or a criterion on {model};
    other classes belong into `any()`, `has()`, `exists()` or `in_(select(...))` without joins by a relation.
    """


class OutOfOrder(DispatchError):
    """{event} is not what comes next for {id} (code {code!r}). {state}."""


class ActivityChanged(DispatchError):
    """In {activity} {id} there was the event {event}, which is no step of it any more. Declare a new activity
    under another name, or accept what the remaining events say: `app.rebuild()`.
    """


class NotAnActivityOfThisApp(DispatchError):
    """{activity} is no activity that this App declares. Add it to the App's modules."""


class NotAStep(DispatchError):
    """{event} is no step of the activity {activity}, so nothing waits for it. Its steps are: {steps}."""


class ImmutableRecord(DispatchError):
    """{model} is an event, and events never change. Record what happened since as another event."""


class CallsAreDerived(DispatchError):
    """{model} is a call: rules make calls, integration events move them. {remedy}"""


class RuleOwned(DispatchError):
    """{model} {id} was made by the rule {rule}, which keeps it equal to its source. Change the source
    instead.
    """


class UnnamedFacts(DispatchError):
    """`tx.update` takes facts by their names, and was given {given}. Write `tx.update(order, paid=True)`; of
    a dictionary, `tx.update(order, **facts)`.
    """


class BesideARecord(DispatchError):
    """{given} stands beside a {model}, which says itself which one it is. Write `order` alone, or the class
    and an id: `Order, id`. Facts have names: `tx.update(order, paid=True)`.
    """


class NotACriterion(DispatchError):
    """{given!r} is no criterion. Say in SQL which records of {model} are meant: `{model}.id == id`."""


class NotComparable(DispatchError):
    """{model}.{field} is declared as {declared}, and is never compared with {value}. {remedy}."""


class KeptByRule(StillReferenced):
    """{model} {id} cannot follow the record that it refers to and that goes: the rule {rule} still makes it
    as it was. Delete or change its source, {source} {source_id}, in the same transaction.
    """


class GlobalIsFixed(DispatchError):
    """{model} is a Global: its one row is always there. Use `tx.update` to change its facts."""


class NestedDispatch(DispatchError):
    """A dispatch or transaction was started inside another one of the same thread, or for it. Use the `tx`
    that is open, or let a rule do it.
    """


class ClosedWithin(DispatchError):
    """The App cannot be closed within one of its transactions. Close it after the `with` block."""


class EnteredAsynchronously(DispatchError):
    """A transaction waits for nobody but the database, so it is no `async with`. Write
    `with app.transaction() as tx:`; where a loop must not wait, in a function for `anyio.to_thread.run_sync`.
    """


class ConflictingKey(DispatchError):
    """The key {key!r} was used for another {event}: {difference}. One key names one fact; use a new key."""


class UnusableKey(DispatchError):
    """A key cannot be {given}. Give a text of 1 to {most} characters that names the fact, such as the id of a
    request.
    """


class CannotReserve(DispatchError):
    """{count} numbers of {model}.{property} cannot be reserved: {reason}"""


class NotAKey(DispatchError):
    """{property} counts by {key!r}, which is no {kind}. Return a key of the type that the property is
    annotated with, or None for a record that counts for no key.
    """


class AmbiguousMove(DispatchError):
    """{machine} in the state {state!r}: {trigger!r} lets more than one transition fire ({targets}). Make
    their guards exclude each other.
    """


class CircularRecords(DispatchError):
    """{circle}: a record cannot be above itself, where a property of {model} goes along {field}. Give one
    of them another {field}, or None.
    """


class EndlessCircle(DispatchError):
    """{steps}: this moves a machine, the machine gives reason for this again, and so on, {waves} times in one
    transaction. Let the machine come to a state that gives no reason.
    """


class InvalidEntryValue(DispatchError):
    """{model}.{property} cannot be {value!r} on the entry of {state!r}: {problems}. Return what the property
    is declared as.
    """


class NotAMember(DispatchError):
    """The new {view} {id} does not belong to {view}, with all that follows from it. Give it facts that do, or
    create it as {model}.
    """


class NotAnEvent(DispatchError):
    """`dispatch` takes an event, and {model} is none. {remedy}."""


class IngestOnly(DispatchError):
    """{model} records are written by the framework, in the order of a call's life. Use
    `framework.testing.emit`.
    """


class InSeveralTables(DispatchError):
    """{model} has no table of its own: its records are in those of {classes}. Say it of each of these."""


class NotARecordOfThisApp(DispatchError):
    """{thing!r} is no record of a class that this App declares. Give a record, `Order(...)`, of a class in
    the App's modules; many at once are for `tx.add_all`.
    """


class RuleReturnedWrongThing(DispatchError):
    """The rule {rule} returned {thing!r}. It declares that it makes {targets}."""


class TransactionFailed(DispatchError):
    """A step of this transaction failed, so none of it is stored: {reason}"""


class NotEntered(DispatchError, AttributeError):
    """A transaction has no {name} before it is entered. Write `with app.transaction() as tx:`, and use that
    `tx`.
    """


class TransactionOver(DispatchError):
    """This transaction has ended. Open a new one with `app.transaction()`."""


class NumberTooLarge(DispatchError):
    """A number is beyond the 64 bits that a database keeps: {reason}. Keep the fact smaller, or sum in
    larger units.
    """


class NotText(DispatchError):
    """A text of this transaction cannot be stored: {reason}. Replace what is no Unicode character, and
    shorten what is indexed, before it enters.
    """


class StaleWork(DispatchError):
    """The database was busy for {tries} tries in a row. Try again later."""
