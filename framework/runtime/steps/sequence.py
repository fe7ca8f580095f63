"""Numbers: given once, when a record comes to be, from a counter of its scope that the transaction holds."""

import json
from collections.abc import Iterator
from operator import itemgetter
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
    numbered: list[tuple[str, Change]] = []
    for change in work.changes(node.host):
        row = change.after_row
        if row is not None and change.before_row is None and row[node.property] is None:
            numbered.append((scope_of(node, row), change))
    for scope, change in sorted(numbered, key=itemgetter(0)):
        parameters = [node.name, scope, node.computation.start, node.computation.step]
        (number,) = work.connection.row(work.database.bookkeeping.next_number, parameters)
        work.set(change, node.scope, scope)
        work.set(change, node.property, number)


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


def scope_of(node: SequenceNode, row: Row) -> str:
    """The values that make up the scope, as one text."""
    values: list[Any] = [row[name] for name in node.computation.per]
    return json.dumps(to_jsonable_python(values), sort_keys=True)
