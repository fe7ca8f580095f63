"""A fact of another type: each value is what it was, on every database, or it is in the way."""

from typing import Any

import pytest

from framework.app import App
from tests.migration.test_migration import made, rows, said, user


@pytest.mark.parametrize(
    ("then", "values", "now", "expected"),
    [
        (str, ["40", " 7 ", "+5", "-0", "007", f"{2**63 - 1}"], int, [40, 7, 5, 0, 7, 2**63 - 1]),
        (float, [2.0, -0.0, 1e18], int, [2, 0, 10**18]),
        (bool, [True, False], int, [1, 0]),
        (int, [5, -(2**63)], str, ["5", f"{-(2**63)}"]),
        (int, [5, 2**53], float, [5.0, 2.0**53]),
    ],
)
def test_values_that_fit_become_what_they_say(
    database_url: str, then: type, values: list[Any], now: type, expected: list[Any]
) -> None:
    made(database_url, user(age=then), *({"age": value} for value in values))
    new = user(age=now)
    app = App([new], database=database_url)
    assert app.migrate() == []
    app.close()
    found = [one.age for one in rows(database_url, new)]
    assert found == expected
    assert {type(one) for one in found} == {now}


@pytest.mark.parametrize(
    ("then", "values", "now"),
    [
        (str, ["", "1e3", "12.0", "1_000", "\u0663", "0x10", "nan", "1 2", f"{2**63}", "9" * 5000], int),
        (float, [2.5, 2.0000000000000004, 1e19], int),
        (int, [2**53 + 1, -(2**60)], float),
    ],
)
def test_values_that_do_not_fit_are_counted(
    database_url: str, then: type, values: list[Any], now: type
) -> None:
    made(database_url, user(age=then), *({"age": value} for value in values))
    (line,) = said(database_url, user(age=now))
    assert f"It does not fit in {len(values)} rows" in line
