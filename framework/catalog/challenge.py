"""Challenges: what a 401 asks for in `WWW-Authenticate` (RFC 9110, 11.6.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PART = re.compile(
    r'(?:(?P<scheme>[A-Za-z][\w-]*)\s+)?(?P<name>[\w-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]+))'
)


@dataclass(frozen=True)
class Challenge:
    """One way to prove oneself; `scheme` and the names of the parameters are in lower case."""

    scheme: str
    parameters: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """A parameter, or nothing if the challenge does not give it."""
        return self.parameters.get(name, "")


def challenges(header: str) -> list[Challenge]:
    """All challenges of a header, in order. What has no parameters is none that we could answer."""
    found: list[tuple[str, dict[str, str]]] = []
    for part in _PART.finditer(header):
        if part["scheme"]:
            found.append((part["scheme"].lower(), {}))
        if found:
            value = part["bare"] if part["quoted"] is None else re.sub(r"\\(.)", r"\1", part["quoted"])
            found[-1][1][part["name"].lower()] = value
    return [Challenge(scheme, parameters) for scheme, parameters in found]
