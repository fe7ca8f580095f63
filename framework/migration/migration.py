"""Migration: planned, carried out, taken up again after whatever ended it, and verified."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from framework.migration.backfill import Report, backfill
from framework.migration.changes import MigrationPlan
from framework.migration.errors import FactsWouldBeLost, MigrationOutdated, MigrationRefused
from framework.migration.planning import Fill, Planning
from framework.migration.progress import unfinished
from framework.migration.quiet import QuietEngine
from framework.runtime.creation import create, take_up_activities
from framework.runtime.recomputation import Difference
from framework.runtime.verify import verify
from framework.tenancy import within


def plan_of(engine: QuietEngine, fill: Fill, acting: Sequence[str]) -> MigrationPlan:
    """What has to be done to bring the database to what its App declares. Nothing is written."""
    with engine.database.inspecting() as connection:
        return Planning(connection, engine.database, fill, acting).plan()


def migrate(
    engine: QuietEngine, plan: MigrationPlan | None, *, allow_loss: bool, report: Report
) -> list[Difference]:
    """Carry out a plan, and all that an earlier migration has left; returns what `verify` finds.

    1. Change the tables, and write down what is to be recomputed: one transaction.
    2. Recompute it, a batch in each transaction, and strike the note off: of one tenant after the other.
    3. Verify.
    """
    database = engine.database
    with database.altering() as connection:
        given = plan or MigrationPlan(changes=())
        planning = Planning(connection, database, given.fill, given.task.acting)
        found = planning.plan()
        if plan is not None and found != plan:
            raise MigrationOutdated()
        refuse(found, allow_loss=allow_loss)
        if found.has_changes and not found.is_new:
            from framework.migration.alteration import alter  # Alembic takes its time, and is seldom needed

            alter(connection, database, found, planning.renames, engine.clock.now())
    if found.is_new:
        create(engine)
    engine.create_globals()
    with database.inspecting() as connection:
        left = unfinished(connection, database.tables)
    for progress in left:
        with within(progress.tenant):
            backfill(engine, progress, report)
    take_up_activities(engine)
    return list(_differences(engine))


def _differences(engine: QuietEngine) -> Iterator[Difference]:
    for name in engine.tenants():
        with within(name):
            yield from (replace(difference, tenant=name) for difference in verify(engine))


def refuse(plan: MigrationPlan, *, allow_loss: bool) -> None:
    """Raises MigrationRefused, or FactsWouldBeLost unless that is allowed."""
    if plan.refusals:
        raise MigrationRefused(reasons="; ".join(map(str, plan.refusals)))
    if plan.losses and not allow_loss:
        raise FactsWouldBeLost(losses="; ".join(map(str, plan.losses)))
