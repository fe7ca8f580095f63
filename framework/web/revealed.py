"""Answers as JSON, with the secrets in them: the one place where a SecretStr is meant to be read."""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from framework.model.payload import Payload


def revealed(value: Any) -> Any:
    """A payload, or what is in one, as JSON. A temporary credential of a user is a SecretStr until here."""
    match value:
        case Payload():
            return revealed(value.model_dump())
        case SecretStr():
            return value.get_secret_value()
        case Mapping():
            return {str(key): revealed(item) for key, item in value.items()}
        case list() | tuple():
            return [revealed(item) for item in value]
        case _:
            return to_jsonable_python(value)
