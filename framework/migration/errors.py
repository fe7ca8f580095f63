"""Why a migration is not carried out, and what to do."""

from framework.errors import StorageError


class MigrationRefused(StorageError):
    """The database cannot be brought to these declarations: {reasons}"""


class FactsWouldBeLost(StorageError):
    """This would lose facts: {losses}. If that is meant, allow it: `--allow-loss`, or
    `app.migrate(plan, allow_loss=True)`.
    """


class MigrationOutdated(StorageError):
    """The database is not any more as it was when this migration was planned. Look at what it says now, and
    apply that.
    """


class MigrationStopped(StorageError):
    """The migration stopped at {step}: {reason}. Nothing of this batch is stored, what came before it is.
    Correct what is declared, and run `millrace migrate --apply` again: it goes on where it was.
    """
