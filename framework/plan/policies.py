"""Query policies: each belongs to a class of the App, and hides fields that are there."""

import inspect
from collections.abc import Iterable

from framework.computations.policy import QueryPolicy
from framework.model.words import check_names
from framework.plan.callbacks import check_answer, check_callback
from framework.plan.mistakes import (
    HiddenIdentity,
    HidesOfAView,
    UnaskablePolicy,
    UnknownRead,
)
from framework.plan.shape import Shape
from framework.plan.shapes import Shapes
from framework.plan.tableless import with_table


def take_policies(shapes: Shapes, policies: Iterable[QueryPolicy]) -> None:
    """Let each class know its policies."""
    for policy in policies:
        place = f"the policy {policy.name}"
        shape = _concerned(shapes, policy, place)
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


def _concerned(shapes: Shapes, policy: QueryPolicy, place: str) -> Shape:
    """The class whose table the policy concerns: of a view, the class that it is a part of."""
    for shape in shapes.values():
        if policy.model in shape.views and issubclass(policy.model, shape.model):
            if policy.hides:
                raise HidesOfAView(policy=policy.name, model=policy.model.__name__, base=shape.name)
            return shape
    return with_table(shapes, policy.model, place)
