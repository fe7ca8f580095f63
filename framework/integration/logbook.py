"""The logbook: how claims and the ends of runs get into the store, each as one operation of a transaction."""

from datetime import timedelta
from typing import Any

from framework.integration.attempts import Attempts, former_request_hash, request_hash
from framework.integration.calls import idempotency_key
from framework.integration.ingest import TERMINAL, ingest
from framework.integration.need import Abandon, Need, Send, need
from framework.integration.outbox import Claimed, Outbox
from framework.integration.run import Run
from framework.integration.verdict import Later, Told, Verdict, verb_of
from framework.model.apicall import Standing
from framework.observe import Metrics, get_logger
from framework.plan.shape import Shape
from framework.runtime.change import Change
from framework.runtime.transaction import Transaction
from framework.storage.database import Database
from framework.storage.errors import TransactionInterrupted
from framework.storage.violation import Constraint, Violation

_log = get_logger(__name__)


class Logbook:
    """What one worker writes down."""

    def __init__(self, database: Database, worker: str, metrics: Metrics) -> None:
        self.attempts = Attempts(database)
        self._worker = worker
        self._metrics = metrics

    def claim(self, transaction: Transaction, outbox: Outbox, limit: int) -> list[tuple[Claimed, Need]]:
        """Take calls that are due, and write down each attempt before anybody hears of it."""
        connection, now = transaction.work.connection, transaction.now
        taken = []
        for claimed in outbox.claim(connection, limit, now, self._worker):
            needed = need(claimed, outbox.desk.handlers, now)
            if claimed.doubtful:
                self.attempts.interrupt(connection, claimed.row["id"], now)
            taken.append((claimed, self._begin(transaction, outbox, claimed, needed)))
        return taken

    def record(self, transaction: Transaction, run: Run, verdict: Verdict) -> None:
        """Write down how a run ended, if the call is still ours."""
        match verdict:
            case Told():
                self._tell(transaction, run, verdict)
            case Later():
                self._postpone(transaction, run, verdict)

    def set_aside(self, transaction: Transaction, run: Run, error: Exception, wait: timedelta) -> None:
        """The end of a run could not be recorded: the call is looked at again after a while, in doubt."""
        connection, now = transaction.work.connection, transaction.now
        text = f"the outcome could not be recorded: {type(error).__name__}"
        if verb_of(run.need, run.desk.handlers):
            self.attempts.finish(
                connection,
                run.claimed.row["id"],
                run.number,
                now,
                doubtful=True,
                error=text,
                code="not_recorded",
            )
        run.outbox.release(connection, run.claimed.row["id"], run.fence, _due_at=now + wait)

    def _begin(self, transaction: Transaction, outbox: Outbox, claimed: Claimed, needed: Need) -> Need:
        desk, row = outbox.desk, claimed.row
        verb = verb_of(needed, desk.handlers)
        if verb is None:
            return needed
        if outbox.tenant is not None:  # the vendor may echo the call's id before we hear its own
            desk.make_known(transaction, str(row["id"]))
        if claimed.is_begun:
            return needed
        key = idempotency_key(desk.integration.name, row["id"], row["_generation"], outbox.tenant)
        digest = request_hash(claimed.request)
        connection = transaction.work.connection
        if isinstance(needed, Send) and row["_attempt"] > 1:
            before = self.attempts.hash_under(connection, row["id"], key)
            if before not in (None, digest) and before != former_request_hash(row["request"]):
                _log.error(
                    "a call would be sent twice under one key, with two bodies", call_id=str(row["id"])
                )
                return Abandon(
                    "request_changed", f"the request is not what was sent under the key {key} before"
                )
        self.attempts.begin(
            connection,
            call_id=row["id"],
            number=row["_attempt"],
            verb=verb,
            idempotency_key=key,
            request_hash=digest,
            worker=self._worker,
            started_at=transaction.now,
            doubtful=isinstance(needed, Send),
        )
        return needed

    def _tell(self, transaction: Transaction, run: Run, told: Told) -> None:
        call = self._ours(transaction, run, told)
        if call is None:
            return
        if told.dead:
            transaction.work.set(call, "_dead", True)
        standing = ingest(transaction, run.desk, told.source, told.outcome, call_id=call.id)
        row = call.after_row
        if standing is not Standing.APPLIED and row is not None and row["status"] not in TERMINAL:
            transaction.work.set(call, "_due_at", run.desk.next_look(row, transaction.now))
            transaction.work.set(call, "_leased_until", None)

    def _postpone(self, transaction: Transaction, run: Run, later: Later) -> None:
        connection, id = transaction.work.connection, run.claimed.row["id"]
        columns: dict[str, Any] = {"_due_at": later.at, "_burned": later.burned, "_polls": later.polls}
        if later.afresh:
            columns["_first_tried_at"] = None
        run.outbox.release(connection, id, run.fence, **columns)
        if later.resolved:
            self.attempts.resolve(connection, id)
        if verb_of(run.need, run.desk.handlers):
            self.attempts.finish(
                connection,
                id,
                run.number,
                transaction.now,
                doubtful=later.doubtful and isinstance(run.need, Send),
                error=later.error,
                code=later.code,
            )

    def _ours(self, transaction: Transaction, run: Run, told: Told) -> Change | None:
        """The call, if no other worker has taken it over; its attempt is ended either way."""
        work, row, shape = transaction.work, run.claimed.row, run.desk.shape
        connection, now = work.connection, transaction.now
        plain = told.error is None and isinstance(run.need, Send) and not run.prolonged
        if (
            plain
            and run.desk.is_moved_by_events_alone
            and self.attempts.finish_untouched(
                connection, shape, row["id"], run.number, run.fence, now, refused=_touched, about=run
            )
        ):
            return _known(transaction, shape, row)
        call = work.find(shape, row["id"])
        fenced = call is None or call.after_row is None or call.after_row["_attempt"] != run.fence
        if verb_of(run.need, run.desk.handlers):
            error, code, doubtful = told.error, told.code, told.doubtful
            if fenced:
                error, code, doubtful = "another worker had taken the call over", "fenced", True
            self.attempts.finish(
                connection, row["id"], run.number, now, doubtful=doubtful, error=error, code=code
            )
        if fenced:
            self._metrics.count("millrace_fenced_outcomes", integration=run.desk.integration.name)
            _log.warning("an outcome came too late and was not recorded", call_id=str(row["id"]))
            return None
        return call


def _touched(violation: Violation, run: Run) -> Exception:
    """Somebody has touched the call after all: look at it, in another try."""
    if violation.constraint is not Constraint.PRESENCE:
        return violation
    run.prolonged = True
    return TransactionInterrupted(reason=f"the call {run.id} has been touched meanwhile")


def _known(transaction: Transaction, shape: Shape, row: dict[str, Any]) -> Change:
    """The call as it was claimed, without reading it again: nobody has touched it since."""
    known = transaction.work.rows.setdefault(shape, {})
    assert row["id"] not in known, "nobody has read the call in this transaction"
    change = Change(shape, row["id"], row, row.copy(), stored=True)
    known[change.id] = change
    return change
