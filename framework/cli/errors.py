"""What can be wrong with a command, said so that whoever typed it can go on."""

import errno

from framework.errors import MillraceError


class CommandError(MillraceError):
    """{problem}"""


class BadAddress(CommandError):
    """{address!r} is no address of an App. Write module:name, such as app:app."""


class NoSuchModule(CommandError):
    """There is no module {module!r} ({reason}). Run this in the project's folder, or correct the address."""


class NoSuchApp(CommandError):
    """The module {module!r} has no App called {name!r}. It has: {apps}."""


class PortTaken(CommandError):
    """Port {port} of {host} is taken. Stop who listens there, or choose another with --port (0: any)."""


class NotListening(CommandError):
    """Nobody can listen on port {port} of {host} ({reason}). Give an address of this machine with --host, and
    a port that this user may have with --port.
    """


class NoSamples(CommandError):
    """There are no samples in {folder}. Put files *.jsonl there, or name another folder with --samples."""


class SandboxesFailed(CommandError):
    """The process of the sandboxes ended with status {status} before they could be reached; why is above."""


class UnknownName(CommandError):
    """This App has no {kind} {name!r}. It has: {names}."""


class UnreadableBooks(CommandError):
    """The sandboxes' books {path} cannot be read ({reason}). Move them away, or start anew with --fresh."""


class UnreadableRow(CommandError):
    """Row {number} is no JSON ({reason}). Write one object on each line."""


class LoadStopped(CommandError):
    """{file}: {reason} {stored:,} rows were stored before, and none of this batch. Correct the file, and go
    on with --skip {skip}.
    """


def not_listening(error: OSError, host: str, port: int) -> CommandError:
    """What it means that nobody can listen there."""
    if error.errno == errno.EADDRINUSE:
        return PortTaken(port=port, host=host)
    return NotListening(host=host, port=port, reason=error.strerror or error)
