"""A dispatch that must become what was foretold of it, and of which the receipt must tell the difference."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlmodel import select

from framework import APICall, Event
from framework.app import App
from framework.runtime.receipt import Receipt
from framework.runtime.trace import Trace, Written

E = TypeVar("E", bound=Event)
Values = dict[str, Any]
Stored = dict[tuple[type[Any], UUID], Values]


def dispatched(
    app: App,
    models: Collection[type[Any]],
    event: E,
    *,
    key: str | None = None,
    actor: str | None = None,
    context: dict[str, Any] | None = None,
) -> Receipt[E]:
    """What `app.dispatch` returns or raises, held against `app.explain_dispatch` and against all that is
    stored of these models, before and after.
    """
    before = stored(app, models)
    trace = app.explain_dispatch(event, actor=actor, context=context)
    assert stored(app, models) == before
    if trace.refused is not None:
        with pytest.raises(type(trace.refused)) as refused:
            app.dispatch(event, key=key, actor=actor, context=context)
        assert str(refused.value) == str(trace.refused)
        assert stored(app, models) == before
        raise refused.value
    receipt = app.dispatch(event, key=key, actor=actor, context=context)
    after = stored(app, models)
    told(receipt, before, after)
    foretold(trace, before, after)
    return receipt


def stored(app: App, models: Collection[type[Any]]) -> Stored:
    return {(model, one.id): values(one) for model in models for one in app.query(select(model))}


def values(record: Any) -> Values:
    return {name: getattr(record, name) for name in (*type(record).__facts__, *type(record).__computed__)}


def told(receipt: Receipt[Any], before: Stored, after: Stored) -> None:
    """The receipt has each record that is another now, once, with what it was and what it is."""
    changed = {at for at in before.keys() | after.keys() if before.get(at) != after.get(at)}
    assert Counter((one.model, one.id) for one in receipt.changes) == Counter(changed)
    for one in receipt.changes:
        at = one.model, one.id
        was, now = (None if found is None else values(found) for found in (one.before, one.after))
        assert (was, now) == (before.get(at), after.get(at))
        assert one.kind == ("created" if was is None else "deleted" if now is None else "updated")


def foretold(trace: Trace, before: Stored, after: Stored) -> None:
    """The trace has what came, by class, what went, and what became of the fields of the others; each step
    has done something, or says why not.
    """
    assert [step.name for step in trace.steps if not (step.wrote or step.skipped)] == []
    came = Counter(model for model, _ in after.keys() - before.keys())
    written = list(_written(trace))
    whole = [one for one in written if one.field is None and one.view is None]
    went = {(one.model, one.id) for one in whole if one.after is None}
    assert Counter(one.model for one in whole if one.before is None) == came
    assert went == before.keys() - after.keys()
    assert len(trace.calls) == sum(many for model, many in came.items() if issubclass(model, APICall))
    said = _values_of(written, before)
    for at in before.keys() & after.keys():
        for name, value in after[at].items():
            assert said.get((at, name), before[at][name]) in (value, AMOUNTS)


AMOUNTS = object()
"""A property is kept as several amounts, or as such that are not its value, and they changed."""


def _values_of(written: list[Written], before: Stored) -> dict[Any, Any]:
    """What fields of records that were there became."""
    said: dict[Any, Any] = {}
    for one in written:
        at = (one.model, one.id), one.field
        if at[0] not in before or one.field is None:
            continue
        now = said.get(at, before[at[0]][one.field])
        if not one.added:
            said[at] = one.after
        elif len(one.added) == 1 and type(now) is int:
            said[at] = now + one.added[0]
        else:
            said[at] = AMOUNTS
    return said


def _written(trace: Trace) -> Iterator[Written]:
    """What began each wave, and what its steps wrote."""
    for number, facts in enumerate([trace.facts, *trace.deleted], 1):
        yield from facts
        for step in trace.steps:
            yield from step.wrote if step.wave == number else ()
