"""What can be wrong on the path, said so that whoever goes it can go on."""

from framework.cli.errors import CommandError


class NoModule(CommandError):
    """STOP: there is no {path}, so nobody knows which module is meant. Ask, then: millrace module NAME"""


class BadName(CommandError):
    """{name!r} cannot name a {kind}: it is part of file names and of code. Write it like_this."""


class AlreadyThere(CommandError):
    """{path} is already there, and nothing was written. Choose another name, or move it away."""


class NoSuchIntegration(CommandError):
    """There is no integration {name!r} in {folder}. There are: {names}."""


class UnreadableStatus(CommandError):
    """{path}:{line}: {problem}. Correct the line, or delete the file and go the path again."""


class WrongOrder(CommandError):
    """Task {task} cannot be {verb} while {now}. Next: {next}"""


class MissingEvidence(CommandError):
    """Task {task} is not finished:
    {problems}
    """
