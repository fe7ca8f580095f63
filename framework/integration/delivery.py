"""Deliveries: what a vendor sent to a webhook, byte for byte."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

from framework.errors import Permanent


class MalformedDelivery(Permanent):
    """The body of the delivery is no {expected}. Answer 400: the vendor would send the same bytes again."""

    def __init__(self, expected: str) -> None:
        super().__init__("", code="malformed_delivery", expected=expected)


@dataclass(frozen=True)
class Delivery:
    """One inbound webhook request. Names of headers are in lower case; `body` is what signatures are made of.

    Neither headers nor body are shown by `repr`, for they hold signatures and people's data.
    """

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        lowered = {name.lower(): value for name, value in self.headers.items()}
        object.__setattr__(self, "headers", MappingProxyType(lowered))
        object.__setattr__(self, "query", MappingProxyType(dict(self.query)))

    def json(self) -> Any:
        """The body as JSON. Verify the signature first."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise MalformedDelivery("JSON") from error

    def form(self) -> dict[str, str]:
        """The body as a form, the last value of each name. Verify the signature first."""
        try:
            fields = parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body))
        except ValueError as error:
            raise MalformedDelivery("form") from error
        return {name: values[-1] for name, values in fields.items()}
