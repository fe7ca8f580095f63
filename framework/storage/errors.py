"""What can be wrong with a database, said so that an operator can act."""

from framework.errors import StorageError


class DatabaseBusy(StorageError):
    """The database {url} stayed locked by another process for {seconds:g} seconds. Stop the other writer, or
    try again.
    """


class DatabaseInUse(StorageError):
    """The database {url} is open in another Millrace process, and SQLite takes one. Stop that process, or use
    PostgreSQL.
    """


class DatabaseCorrupt(StorageError):
    """The file {url} is not a usable database ({reason}). Restore it from a backup, or move it away to start
    anew.
    """


class DatabaseUnreachable(StorageError):
    """The database {url} cannot be opened ({reason}). Check the path and its permissions."""


class DatabaseUnwritable(StorageError):
    """The database {url} cannot be used any further ({reason}). Check its disk and its permissions."""


class UnsupportedDatabase(StorageError):
    """There is no support for {url!r}. Use `sqlite:///path.db`, `sqlite:///:memory:` or `postgresql://...`."""


class DriverMissing(StorageError):
    """The driver of PostgreSQL is not installed ({reason}). Install `millrace[postgres]`."""


class UnreadableValue(StorageError):
    """{column} of {table} {id} cannot be read as it is declared now: {problems}. Let the class accept what
    older code stored, such as with `@model_validator(mode="before")`, or correct the row.
    """


class TransactionInterrupted(StorageError):
    """The database ended this transaction ({reason}). Nothing of it is stored: run it again."""


class CommitUnknown(StorageError):
    """The connection to {url} was lost during a commit ({reason}), which may have succeeded. Dispatch with
    a key, and do so again.
    """


class DatabaseFailed(StorageError):
    """The database {url} refuses a statement ({reason}). Check what it logs."""


class SchemaDiffers(StorageError):
    """The database {url} was made for other declarations: {differences}. See what `millrace migrate` says,
    and let it `--apply` that.
    """


class MigrationUnfinished(StorageError):
    """A migration of the database {url} was begun and has not come to its end. Run `millrace migrate --apply`
    again: it goes on where it was.
    """


class OthersAtWork(StorageError):
    """Other processes have the database {url} open, and a migration needs it for itself. Stop them, and try
    again.
    """


class SchemaMissing(StorageError):
    """The database {url} has no tables yet. Call `app.create()` once, or `millrace migrate --apply`."""
