"""Tallies: how many rows there are, and whose, so that an operator knows where to look."""

from collections.abc import Iterator, Mapping

_SHOWN = 5
"""So many tenants are named; of more, that there are more."""


class Tally(int):
    """A number of rows of all tenants, where there are tenants, that remembers of which."""

    of: Mapping[str | None, int] = {}

    @classmethod
    def summing(cls, counts: Mapping[str | None, int]) -> "Tally":
        tally = cls(sum(counts.values()))
        tally.of = counts
        return tally


def rows_of(count: int) -> str:
    """`2 rows`."""
    return f"{count} row{'' if count == 1 else 's'}"


def rows_whose(count: int) -> str:
    """`2 rows`, or `2 rows (of acme and bolt)` where there are tenants."""
    names = list(_whose(count))
    if not names:
        return rows_of(count)
    shown = names[:_SHOWN] + ([f"{len(names) - _SHOWN} others"] if len(names) > _SHOWN else [])
    *all_but_last, last = shown
    return f"{rows_of(count)} (of {', '.join(all_but_last)}{' and ' if all_but_last else ''}{last})"


def _whose(count: int) -> Iterator[str]:
    for name, own in count.of.items() if isinstance(count, Tally) else ():
        if name is not None and own:
            yield name
