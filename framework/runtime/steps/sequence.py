"""Numbers: given once, when a record comes to be, from a counter of its scope that the transaction holds."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python

from framework.plan.node import SequenceNode
from framework.runtime.change import Change
from framework.runtime.recomputation import Difference, Expectation, Recomputation
from framework.runtime.work import Work
from framework.storage.codec import Row


def step(node: SequenceNode, work: Work) -> None:
    """Give every new record the next number of its scope; the scopes in order, so that nobody waits in a
    circle.
    """
    numbered: dict[str, list[Change]] = defaultdict(list)
    for change in work.changes(node.host):
        row = change.after_row
        if row is not None and change.before_row is None and row[node.property] is None:
            numbered[scope_of(node, row)].append(change)
    for scope, changes in sorted(numbered.items()):
        for change, number in zip(changes, _next(node, work, scope, len(changes)), strict=True):
            work.set(change, node.scope, scope)
            work.set(change, node.property, number)


def reserve(node: SequenceNode, work: Work, scope: Row, count: int) -> range:
    """The next numbers of a scope, which no record will be given."""
    return _next(node, work, scope_of(node, scope), count)


def expected(node: SequenceNode, facts: Recomputation) -> Iterator[Expectation]:
    """Numbers are given, not computed: each must be of its sequence, and given once in its scope."""
    given: dict[tuple[str, int], UUID] = {}
    computation = node.computation
    for id, row in facts.expected[node.host].items():
        number = row[node.property]
        place = (row[node.scope], number)
        if number is None or (number - computation.start) % computation.step or place in given:
            facts.found.append(Difference(node.host.model, id, node.property, number, "a number of its own"))
        given[place] = id
    return iter(())


def _next(node: SequenceNode, work: Work, scope: str, count: int) -> range:
    """So many numbers by one statement; others of this scope wait until the transaction ends."""
    start, step = node.computation.start, node.computation.step
    parameters = [node.name, scope, start + (count - 1) * step, count * step]
    (last,) = work.connection.row(work.database.bookkeeping.next_number, parameters)
    return range(last - (count - 1) * step, last + step, step)


def scope_of(node: SequenceNode, row: Row) -> str:
    """The values that make up the scope, as one text."""
    values: list[Any] = [row[name] for name in node.computation.per]
    return json.dumps(to_jsonable_python(values), sort_keys=True)
