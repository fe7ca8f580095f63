"""Results of a business from what a vendor said, by the names of their fields."""

from collections.abc import Callable
from typing import TypeVar

from framework.errors import DeclarationError
from framework.model.payload import Payload

Known = TypeVar("Known", bound=Payload)


class ResultNotFilled(DeclarationError):
    """{vendor} cannot fill {fields} of {payload}, only {known}. Give them a default, or pass `to_result`."""


def filled(result: type[Payload] | None, known: type[Known], *, vendor: str) -> Callable[[Known], Payload]:
    """A function that fills the fields of `result` by name from a `known` payload; without one, that itself.

    Raises ResultNotFilled if a field that needs a value is none of those that are known.
    """
    if result is None:
        return lambda said: said
    names = known.model_fields.keys()
    unknown = [
        name for name, field in result.model_fields.items() if field.is_required() and name not in names
    ]
    if unknown:
        raise ResultNotFilled(
            vendor=vendor, fields=", ".join(unknown), payload=result.__name__, known=", ".join(names)
        )

    def fill(said: Known) -> Payload:
        values = said.model_dump()
        return result(**{name: values[name] for name in result.model_fields if name in values})

    return fill
