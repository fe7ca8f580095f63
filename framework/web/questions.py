"""Questions: which `api` verbs there are, and the body that each takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from framework.integration.desk import Desk
from framework.integration.inputs import Input
from framework.web.refusals import Invalid


@dataclass(frozen=True)
class Question:
    """One `api` of an integration: the calls that it is about, and the body that it takes."""

    desks: tuple[Desk, ...]
    body: type[BaseModel]

    def read(self, content: bytes) -> Any:
        """The body, with `call_id` and maybe `input`. Raises Invalid with all that is wrong."""
        try:
            return self.body.model_validate_json(content)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False, include_context=False)
            errors = [{"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in found]
            summary = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in found)
            raise Invalid(summary=summary, errors=errors) from None  # the cause quotes what was sent


def questions_of(desks: Sequence[Desk]) -> Mapping[tuple[str, str], Question]:
    """All `api` verbs, by integration and name; one name may be an api of several classes of calls."""
    found: dict[tuple[str, str], list[Desk]] = {}
    for desk in desks:
        for api in desk.handlers.apis:
            found.setdefault((desk.integration.name, api.name), []).append(desk)
    return {key: Question(tuple(of), _body(key[1], of)) for key, of in found.items()}


def _body(name: str, desks: Sequence[Desk]) -> type[BaseModel]:
    """The body of a question: the call, and the input if one is declared; nothing else."""
    inputs = {api.input for desk in desks for api in desk.handlers.apis if api.name == name}
    fields: dict[str, Any] = {"call_id": (UUID, ...)}
    match list(inputs):
        case [None]:
            pass
        case [Input(payload, required)]:
            fields["input"] = (payload, ...) if required else (payload | None, None)
        case _:
            fields["input"] = (dict[str, Any] | None, None)  # which it must be, the call decides
    return create_model("Body", __config__=ConfigDict(extra="forbid", frozen=True), **fields)
