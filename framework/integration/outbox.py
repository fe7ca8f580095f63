"""The outbox: the rows of one call class, as a worker claims, keeps and releases them."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Integer,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)

from framework.integration.attempts import AttemptVerb, first_attempts
from framework.integration.calls import keys_of
from framework.integration.desk import Desk
from framework.integration.leases import Leases
from framework.integration.question import Question, question
from framework.model.apicall import CallStatus
from framework.observe import get_logger
from framework.storage.codec import Row
from framework.storage.database import Connection, Database
from framework.storage.errors import UnreadableValue

_log = get_logger(__name__)

PUT_OFF = timedelta(minutes=1)
"""After how long a call is looked at again that could not be read."""

DAWN = datetime.min.replace(tzinfo=UTC)
"""Before all calls."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A call that is ours until its lease ends; `doubtful`: an earlier attempt may have arrived.

    `request` is the text that is stored of it. `is_begun` says that its attempt is written down already.
    """

    row: Row
    doubtful: bool
    request: str | None
    is_begun: bool = False


class Outbox:
    """What a worker asks of the table of one call class, each statement compiled once.

    `_due_at` says when there is something to do for a call: carry it out, look after it, take it over because
    its lease has ended. It is None for calls that are over, which is why the index on it stays small.
    """

    tenant: str | None = None
    """Whose calls these are, where there are tenants; their statements are run within that tenant."""

    def __init__(self, desk: Desk, database: Database) -> None:
        self.desk = desk
        self._database = database
        self._statements = database.statements[desk.shape]
        self._table = self._statements.table
        self._attempts = database.tables.attempts
        self._request = self._statements.codec.names.index("request")
        self.leases = Leases(desk, database)
        self.ordered = desk.policy.ordering_key is not None

    def of_tenant(self, tenant: str | None) -> "Outbox":
        """The outbox of a tenant, with the statements of this one."""
        for statement in ("_claim", "_releases", "_prolong", "_next_due"):
            getattr(self, statement)  # compiled now, if they are not yet
        outbox = copy(self)
        outbox.tenant = tenant
        return outbox

    def claim(self, connection: Connection, limit: int, now: datetime, worker: str) -> list[Claimed]:
        """Take up to `limit` calls that are due, the oldest first, and none that waits behind another.

        Where a trip to the database costs something, it also writes down the attempts of those of which
        nobody has to look at more than the row to see that they are to be sent, and may store all that at
        once. Whoever claims has to write down the others.
        """
        policy = self.desk.policy
        until = now + policy.lease
        claimed: list[Claimed] = []
        while len(claimed) < limit:
            if self.ordered:  # of two workers, neither sees what the other is about to claim
                self._database.hold(connection, "claim", self.desk.shape.name, self.tenant or "")
            left = limit - len(claimed)
            values = {"now": now, "until": until, "deadline": now + policy.deadline, "limit": left}
            if self._database.concurrent:
                values |= {"worker": worker, "key": keys_of(self.desk.integration.name, self.tenant)}
            rows = connection.last_rows(self._claim.sql, self._claim.parameters.of(values))
            readable = [one for found in rows if (one := self._read(connection, found, now)) is not None]
            claimed += readable
            if len(readable) == len(rows):
                break
        if len(claimed) > 1:
            claimed.sort(key=lambda one: (one.row["created_at"], one.row["id"].hex))
        return claimed

    def _read(self, connection: Connection, found: Sequence[Any], now: datetime) -> Claimed | None:
        """The call of a row that was claimed. One that cannot be read keeps no other from its turn."""
        codec = self._statements.codec
        doubtful, *begun = found[len(codec.names) :]
        try:
            row = codec.decode(found[: len(codec.names)])
        except UnreadableValue as error:
            _log.error("a call cannot be read and is put off", reason=str(error))
            fence = found[codec.names.index("_attempt")]
            if any(begun):
                connection.tell(
                    self._withdrawal.sql,
                    self._withdrawal.parameters.of({"id_": error.facts["id"], "fence": fence}),
                )
            self.release(connection, error.facts["id"], fence, _due_at=now + PUT_OFF)
            return None
        return Claimed(row, bool(doubtful), found[self._request], any(begun))

    def release(self, connection: Connection, id: UUID, fence: int, **columns: Any) -> bool:
        """Give a call back with these columns; whether it was still ours.

        It is not if another worker has it, or if an event has moved it and given it its next moment.
        """
        statement = self._release(tuple(columns))
        values = {f"{name}_": value for name, value in columns.items()} | {"id_": id, "fence": fence}
        return bool(connection.run(statement.sql, statement.parameters.of(values)))

    def prolong(self, connection: Connection, ids: Sequence[tuple[UUID, int]], until: datetime) -> None:
        """Extend the leases of calls that are under way, each under its fence."""
        for id, fence in ids:
            values = {"until": until, "id_": id, "fence": fence}
            connection.tell(self._prolong.sql, self._prolong.parameters.of(values))

    def next_due(self, connection: Connection, after: datetime = DAWN) -> datetime | None:
        """When there is something to do for the first of the calls, of those that are due after a moment."""
        found = connection.row(self._next_due.sql, self._next_due.parameters.of({"after": after}))
        return None if found is None else self._statements.codec.decode_one("_due_at", found[0])

    def count_due(self, connection: Connection, now: datetime) -> int:
        """How many calls could be worked on now."""
        return int(connection.row(self._count_due.sql, self._count_due.parameters.of({"now": now}))[0])

    def count_dead(self, connection: Connection) -> int:
        """How many calls the framework gave up."""
        return int(connection.row(self._count_dead.sql)[0])

    def dead(self, connection: Connection) -> list[Row]:
        """The calls that the framework gave up and nobody has tried again, oldest first."""
        return [self._statements.codec.decode(values) for values in connection.rows(self._dead.sql)]

    @cached_property
    def _claim(self) -> Question:
        calls = self._table.c
        due = self._table.alias("due")
        conditions: list[Any] = [due.c["_due_at"] <= bindparam("now", type_=calls["_due_at"].type)]
        if self.ordered:
            waits = self._earlier(due)
            if self._database.concurrent:
                waits = or_(waits, self._under_way(due))
            conditions.append(or_(due.c["_ordering_key"].is_(None), ~waits))
        chosen = (
            select(due.c.id)
            .where(*conditions)
            .order_by(due.c["_due_at"], *self._then(due))
            .limit(bindparam("limit", type_=Integer()))
            .offset(literal_column("0"))
        )
        attempts = self._attempts.c
        doubtful = exists().where(
            attempts.call_id == calls.id,
            attempts.number < calls["_attempt"],
            attempts.doubtful == true(),
        )
        fresh = calls["_first_tried_at"].is_(None)
        statement = (
            update(self._table)
            .where(calls.id.in_(self._skipping(chosen)))
            .ordered_values(
                (calls["_attempt"], calls["_attempt"] + literal_column("1")),
                (calls["_deadline_at"], case((fresh, bindparam("deadline")), else_=calls["_deadline_at"])),
                (calls["_due_at"], bindparam("until")),
                (calls["_leased_until"], bindparam("until")),
                (calls["_first_tried_at"], func.coalesce(calls["_first_tried_at"], bindparam("now"))),
            )  # equal moments in a row are made a text once
            .returning(*self._statements.columns, doubtful.correlate(self._table).label("_doubtful"))
        )
        return question(self._statements, self._begun(statement) if self._database.concurrent else statement)

    def _begun(self, claim: Any) -> Any:
        """The claim, and the attempts of the calls that are claimed for the first time, in one statement."""
        claimed = claim.cte("claimed")
        calls = claimed.c
        is_first = and_(
            calls["_attempt"] == literal_column("1"),
            cast(calls["status"], Text) == literal_column(f"'{CallStatus.PENDING}'"),
            calls["_deadline_at"] > bindparam("now", type_=calls["_deadline_at"].type),
        )
        verb: AttemptVerb = "call" if self.desk.handlers.call is not None else "submit"
        tried = first_attempts(self._attempts, claimed, verb).where(is_first)
        begun = insert(self._attempts).from_select(tried.selected_columns.keys(), tried)
        return select(claimed, is_first).add_cte(begun.cte("begun"))

    @cached_property
    def _withdrawal(self) -> Question:
        """An attempt that was written down with the claim was none: the call cannot be read."""
        attempts = self._attempts.c
        ours = delete(self._attempts).where(
            attempts.call_id == bindparam("id_"), attempts.number == bindparam("fence")
        )
        return question(self._statements, ours)

    def _then(self, due: Any) -> Sequence[Any]:
        """The order of calls of one moment: the index of SQLite has them by their making."""
        return () if self._statements.dialect.name == "sqlite" else (due.c.created_at, due.c.id)

    def _skipping(self, chosen: Any) -> Any:
        """What was chosen, without the calls that another worker is about to claim."""
        if self._statements.dialect.name == "sqlite":
            return chosen
        return select(chosen.with_for_update(skip_locked=True, key_share=True).cte("chosen").c.id)

    def _earlier(self, call: Any) -> Any:
        """Whether a call of the same key was made before this one and is not over."""
        other = self._table.alias("earlier")
        return exists().where(
            other.c["_ordering_key"] == call.c["_ordering_key"],
            other.c["_due_at"].is_not(None),
            tuple_(other.c.created_at, other.c.id) < tuple_(call.c.created_at, call.c.id),
        )

    def _under_way(self, call: Any) -> Any:
        """Whether a call of the same key is under way: one that was made earlier may be committed later."""
        other = self._table.alias("under_way")
        leased = other.c["_leased_until"]
        return exists().where(
            other.c["_ordering_key"] == call.c["_ordering_key"],
            other.c["_ordering_key"].is_not(None),
            leased.is_not(None),
            leased > bindparam("now", type_=leased.type),
            other.c.id != call.c.id,
        )

    def _release(self, names: tuple[str, ...]) -> Question:
        if names not in self._releases:
            values: dict[str, Any] = {name: bindparam(f"{name}_") for name in names}
            values["_leased_until"] = literal_column("NULL")
            calls = self._table.c
            ours = and_(
                calls.id == bindparam("id_"),
                calls["_attempt"] == bindparam("fence"),
                calls["_leased_until"].is_not(None),
            )
            self._releases[names] = question(self._statements, update(self._table).where(ours).values(values))
        return self._releases[names]

    @cached_property
    def _releases(self) -> dict[tuple[str, ...], Question]:
        return {}

    @cached_property
    def _prolong(self) -> Question:
        calls = self._table.c
        statement = update(self._table).where(
            calls.id == bindparam("id_"),
            calls["_attempt"] == bindparam("fence"),
            calls["_leased_until"].is_not(None),
        )
        until: Any = bindparam("until")
        return question(self._statements, statement.values({"_leased_until": until, "_due_at": until}))

    @cached_property
    def _next_due(self) -> Question:
        due = self._table.c["_due_at"]
        first = select(due).where(due > bindparam("after", type_=due.type)).order_by(due)
        return question(self._statements, first.limit(literal_column("1")).offset(literal_column("0")))

    @cached_property
    def _count_due(self) -> Question:
        due = self._table.c["_due_at"]
        is_due = due <= bindparam("now", type_=due.type)
        return question(self._statements, select(func.count()).select_from(self._table).where(is_due))

    @cached_property
    def _count_dead(self) -> Question:
        dead: Any = (literal_column("_dead"), self._table.c["_dead"] == true())
        return question(self._statements, select(func.count()).select_from(self._table).where(*dead))

    @cached_property
    def _dead(self) -> Question:
        calls = self._table.c
        return question(
            self._statements,
            select(*self._statements.columns)
            .where(literal_column("_dead"), calls["_dead"] == true())
            .order_by(calls.created_at),
        )
