"""Attempts: each try at carrying out a call, written down before the vendor hears of it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import (
    Select,
    Table,
    Text,
    bindparam,
    cast,
    false,
    func,
    insert,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.sql import ClauseElement

from framework.plan.shape import Shape
from framework.storage.codec import Codec, Parameters
from framework.storage.database import Connection, Database
from framework.storage.statement import Statement
from framework.storage.violation import Refused

AttemptVerb: TypeAlias = Literal["call", "submit", "recover"]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try. It has no end while it is under way, or if its worker died.

    It starts when a worker takes the call up, which is committed before the vendor is asked: between the two
    lie that commit, the gate of the integration, and what was taken up with it. `doubtful` says that the
    vendor may have acted on it without our hearing of it.
    """

    call_id: UUID
    number: int
    verb: AttemptVerb
    idempotency_key: str
    request_hash: str
    worker: str
    started_at: datetime
    finished_at: datetime | None = None
    doubtful: bool = True
    error: str | None = None
    code: str | None = None


class Attempts:
    """What a worker writes down about its tries."""

    def __init__(self, database: Database) -> None:
        self._table = database.tables.attempts
        self._tables = database.tables
        self._dialect = database.dialect
        self._codec = Codec(tuple(self._table.columns), database.dialect)
        self._id = self._codec.encoder.get("call_id", lambda id: id)

    def begin(
        self,
        connection: Connection,
        *,
        call_id: UUID,
        number: int,
        verb: AttemptVerb,
        idempotency_key: str,
        request_hash: str,
        worker: str,
        started_at: datetime,
        doubtful: bool,
    ) -> None:
        """Write down that the vendor is about to be called."""
        values = {
            "call_id": call_id,
            "number": number,
            "verb": verb,
            "idempotency_key": idempotency_key,
            "request_hash": request_hash,
            "worker": worker,
            "started_at": started_at,
            "doubtful": doubtful,
        }
        connection.tell(self._insertion[0], self._insertion[1].of(values))

    def finish(
        self,
        connection: Connection,
        call_id: UUID,
        number: int,
        now: datetime,
        *,
        doubtful: bool = False,
        error: str | None = None,
        code: str | None = None,
    ) -> None:
        """Write down how an attempt ended."""
        values = {
            "finished_at": now,
            "doubtful": doubtful,
            "error": error,
            "code": code,
            "call_id_": self._id(call_id),
            "number_": number,
        }
        connection.tell(self._end[0], self._end[1].of(values))

    def finish_untouched(
        self,
        connection: Connection,
        shape: Shape,
        call_id: UUID,
        number: int,
        fence: int,
        now: datetime,
        *,
        refused: Refused,
        about: Any,
    ) -> bool:
        """Write down that an attempt ended well, if nobody has touched its call since; whether that is so.

        Where the database is not heard at once that is supposed, and `refused` if it turns out otherwise.
        """
        sql, parameters = self._guarded_end(shape)
        id = self._id(call_id)
        values = {"finished_at": now, "call_id_": id, "number_": number, "id_": id, "fence_": fence}
        return connection.tell(sql, parameters.of(values), refused, about) != 0

    def interrupt(self, connection: Connection, call_id: UUID, now: datetime) -> None:
        """Write down that the attempts without an end were cut off: nobody is at work on them any more."""
        connection.tell(self._interruption, [self._codec.encode_one("finished_at", now), self._id(call_id)])

    def resolve(self, connection: Connection, call_id: UUID) -> None:
        """Nothing is in doubt any more: the vendor has been asked."""
        connection.tell(self._resolution, [self._id(call_id)])

    def hash_under(self, connection: Connection, call_id: UUID, key: str) -> str | None:
        """The hash of the request that was first sent under an idempotency key."""
        found = connection.row(self._first_hash, [self._id(call_id), key])
        return None if found is None else found[0]

    def of(self, connection: Connection, call_id: UUID) -> list[Attempt]:
        """All attempts of a call, in order."""
        rows: Sequence[Any] = connection.rows(self._selection, [self._id(call_id)])
        return [Attempt(**self._codec.decode(values)) for values in rows]

    @cached_property
    def _insertion(self) -> tuple[str, Parameters]:
        ends = ("finished_at", "error", "code")
        names = [name for name in self._codec.names if name not in ends]
        return self._compiled(insert(self._table).values({name: bindparam(name) for name in names}))

    @cached_property
    def _end(self) -> tuple[str, Parameters]:
        columns = ("finished_at", "doubtful", "error", "code")
        ending = self._of(bindparam("number_")).values({name: bindparam(name) for name in columns})
        return self._compiled(ending)

    def _guarded_end(self, shape: Shape) -> tuple[str, Parameters]:
        """While lease and fence are there, a call is as it was claimed: what moves it takes the lease.

        PostgreSQL divides by zero if they are not: it may have been told to commit before anybody hears.
        """
        if shape not in self._guarded_ends:
            calls = self._tables.of[shape]
            untouched: Any = (
                select(literal_column("1"))
                .where(calls.c.id == bindparam("id_"), calls.c["_attempt"] == bindparam("fence_"))
                .where(calls.c["_leased_until"].is_not(None))
                .with_for_update(key_share=True)
            )
            number: Any = bindparam("number_", type_=self._table.c.number.type)
            if self._dialect.name == "sqlite":
                ending = self._of(number).where(untouched.exists())
            else:
                one = func.coalesce(untouched.scalar_subquery(), literal_column("0"))
                ending = self._of(number.op("/")(one))
            well = ending.values(finished_at=bindparam("finished_at"), doubtful=false())
            self._guarded_ends[shape] = self._compiled(well)
        return self._guarded_ends[shape]

    @cached_property
    def _guarded_ends(self) -> dict[Shape, tuple[str, Parameters]]:
        return {}

    def _of(self, number: Any) -> Any:
        attempts = self._table.c
        return update(self._table).where(attempts.call_id == bindparam("call_id_"), attempts.number == number)

    @cached_property
    def _interruption(self) -> str:
        attempts = self._table.c
        values: dict[str, Any] = {
            "finished_at": bindparam("finished_at"),
            "code": literal_column("'interrupted'"),
            "error": literal_column("'the worker was cut off before the answer was recorded'"),
        }
        open_ones = update(self._table).where(
            attempts.call_id == bindparam("call_id_"), attempts.finished_at.is_(None)
        )
        return Statement(open_ones.values(values), self._dialect).sql

    @cached_property
    def _resolution(self) -> str:
        doubts = update(self._table).where(self._table.c.call_id == bindparam("call_id_"))
        return Statement(doubts.values({"doubtful": false()}), self._dialect).sql

    @cached_property
    def _first_hash(self) -> str:
        attempts = self._table.c
        statement = select(attempts.request_hash).where(
            attempts.call_id == bindparam("call_id_"), attempts.idempotency_key == bindparam("key_")
        )
        return Statement(statement.order_by(attempts.number), self._dialect).sql

    @cached_property
    def _selection(self) -> str:
        attempts = self._table.c
        statement = select(self._table).where(attempts.call_id == bindparam("call_id_"))
        return Statement(statement.order_by(attempts.number), self._dialect).sql

    def _compiled(self, statement: ClauseElement) -> tuple[str, Parameters]:
        compiled = Statement(statement, self._dialect)
        return compiled.sql, Parameters(compiled.names, self._codec.encoder)


def first_attempts(attempts: Table, claimed: Any, verb: AttemptVerb) -> Select[Any]:
    """The attempts of calls that are claimed, as the server can write them down by itself.

    It takes the moment `now`, the name of the `worker`, and the `key` with which all keys of the calls begin.
    """
    calls, columns = claimed.c, attempts.c
    request = func.coalesce(cast(calls.request, Text), literal_column("'null'"))
    digest = func.sha256(func.convert_to(request, literal_column("'UTF8'")))
    key: Any = bindparam("key", type_=Text())
    values = {
        columns.call_id: calls.id,
        columns.number: calls["_attempt"],
        columns.verb: literal_column(f"'{verb}'"),
        columns.idempotency_key: (
            key + cast(calls.id, Text) + literal_column("':'") + cast(calls["_generation"], Text)
        ),
        columns.request_hash: func.encode(digest, literal_column("'hex'")),
        columns.worker: bindparam("worker", type_=Text()),
        columns.started_at: bindparam("now", type_=columns.started_at.type),
        columns.doubtful: true(),
    }
    return select(*(value.label(column.name) for column, value in values.items()))


def request_hash(request: str | None) -> str:
    """A digest of what is asked of the vendor, by the text that is stored of it."""
    return hashlib.sha256(("null" if request is None else request).encode()).hexdigest()


def former_request_hash(request: Any) -> str:
    """The digest that was written down formerly, by what the text means."""
    text = json.dumps(to_jsonable_python(request), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
