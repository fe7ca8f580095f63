"""Values that are computed when a state is entered: checked, set, and written down beside the move."""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from framework.model.problems import problems_of
from framework.plan.node import EntryPlan, MachineNode
from framework.runtime.change import Change
from framework.runtime.errors import InvalidEntryValue
from framework.runtime.work import Work

Values = dict[str, Any]


def enter(node: MachineNode, work: Work, host: Change, state: Any, cause: Any) -> str | None:
    """Set what the entry of the state gives; returns it as it is written down: None for nothing."""
    plans = node.entries.get(state)
    if plans is None:
        return None
    written = {}
    for plan in plans:
        value = value_of(node, plan, host, state, cause)
        work.set(host, plan.property, value)
        written[plan.property] = plan.adapter.dump_python(value, mode="json")
    return json.dumps(written)


def starting_values(node: MachineNode) -> Values:
    """What the properties are before any state was entered."""
    return {plan.property: plan.computation.initial for plans in node.entries.values() for plan in plans}


def values_of(node: MachineNode, state: Any, written: str | None) -> Values:
    """What was written down for an entry of the state; the fold that `verify` repeats."""
    return _read(node.entries.get(state, ()), written)


def adopted_values(node: MachineNode, written: str | None) -> Values:
    """What was written down of all that earlier entries had given, whichever state they were of."""
    return _read((plan for plans in node.entries.values() for plan in plans), written)


def _read(plans: Iterable[EntryPlan], written: str | None) -> Values:
    if written is None:
        return {}
    found = json.loads(written)
    return {
        plan.property: plan.adapter.validate_python(found[plan.property])
        for plan in plans
        if plan.property in found
    }


def value_of(node: MachineNode, plan: EntryPlan, host: Change, state: Any, cause: Any) -> Any:
    """What the entry gives; raises InvalidEntryValue if the property may not be that."""
    value = plan.computation.of(host.after, cause)
    try:
        return plan.adapter.validate_python(value)
    except ValidationError as error:
        raise InvalidEntryValue(
            model=node.host.name,
            property=plan.property,
            state=str(state),
            value=value,
            problems=problems_of(error).removeprefix("the record: "),
        ) from error
