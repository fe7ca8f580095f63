"""Query policies: each belongs to a class of the App, and hides fields that are there."""

import inspect
from collections.abc import Iterable

from framework.computations.policy import QueryPolicy
from framework.model.words import check_names
from framework.plan.callbacks import check_answer, check_callback
from framework.plan.mistakes import (
    HiddenIdentity,
    UnaskablePolicy,
    UnknownRead,
)
from framework.plan.shapes import Shapes
from framework.plan.tableless import with_table


def take_policies(shapes: Shapes, policies: Iterable[QueryPolicy]) -> None:
    """Let each class know its policies."""
    for policy in policies:
        place = f"the policy {policy.name}"
        shape = with_table(shapes, policy.model, place)
        try:
            inspect.signature(policy.criterion).bind(object())
        except TypeError:
            raise UnaskablePolicy(
                policy=policy.name, signature=str(inspect.signature(policy.criterion))
            ) from None
        check_answer(policy.criterion, place)
        if callable(policy.hides):
            check_callback(policy.hides, f"`hides` of {place}", ("reader",))
        else:
            check_names(policy.hides, "hides", place)
        for field in () if callable(policy.hides) else policy.hides:
            if field not in shape.fields:
                raise UnknownRead(place=place, model=shape.name, field=field, fields=", ".join(shape.fields))
            if field == "id":
                raise HiddenIdentity(policy=policy.name, model=shape.name)
        shape.policies += (policy,)
