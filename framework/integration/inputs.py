"""Inputs: what a user tells an `api` besides the call, as the third argument of its function says."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from framework.errors import DeclarationError, DispatchError
from framework.model.columns import without_none
from framework.model.payload import Payload


class InputUnclear(DeclarationError):
    """{function} of integration {integration} takes an input that is no payload. Annotate its third
    argument with a class that extends Payload."""


class InvalidInput(DispatchError):
    """The api {name!r} cannot read its input: {problems}."""


@dataclass(frozen=True)
class Input:
    """The payload that an `api` takes, and whether it can do without."""

    payload: type[Payload]
    required: bool

    def read(self, name: str, given: Payload | Mapping[str, Any] | None) -> Payload | None:
        """The input as the function takes it. Raises InvalidInput with all that is wrong."""
        if given is None and not self.required:
            return None
        try:
            return self.payload.model_validate({} if given is None else given)
        except ValidationError as error:
            raise InvalidInput(name=name, problems=_problems(error)) from None  # it quotes what was given


def input_of(function: Callable[..., Any], integration: str) -> Input | None:
    """What a function takes after the call and the client; None if that is all."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [one for one in inspect.signature(function).parameters.values() if one.kind in positional]
    if len(parameters) < 3:
        return None
    payload = without_none(parameters[2].annotation)
    if not (isinstance(payload, type) and issubclass(payload, Payload)):
        raise InputUnclear(
            function=getattr(function, "__qualname__", repr(function)), integration=integration
        )
    return Input(payload, required=parameters[2].default is inspect.Parameter.empty)


def _problems(error: ValidationError) -> str:
    """Which fields are wrong, and how; never what they hold."""
    mistakes = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'input'}: {one['msg']}" for one in mistakes)
