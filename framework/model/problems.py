"""What pydantic found wrong, said on one line."""

from collections.abc import Sequence

from pydantic import ValidationError

_TOLD = 20
"""So many problems are told; whoever has more of them knows enough."""


def problems_of(error: ValidationError, start: int | None = None) -> str:
    """The problems on one line, each with its field, without the values: they may be private.

    Of many records, each with its number, which is counted from `start`.
    """
    problems = error.errors(include_url=False, include_input=False)
    told = [f"{_place(problem['loc'], start)}: {problem['msg']}" for problem in problems[:_TOLD]]
    more = len(problems) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])])


def _place(location: Sequence[int | str], start: int | None) -> str:
    if start is None or not location:
        return ".".join(map(str, location)) or "the record"
    number, *field = location
    return f"row {int(number) + start}{', ' if field else ''}{'.'.join(map(str, field))}"
