"""Access: who may use the API of an App, and for which calls."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from starlette.requests import Request

from framework.errors import DeclarationError
from framework.integration.secrets import AuthRef, Credential, MissingCredentials, is_present, resolve
from framework.model.apicall import APICall

Actor: TypeAlias = str
"""Who asks: whatever name the App knows them by."""

Authorize: TypeAlias = Callable[[Request], Actor | Awaitable[Actor | None] | None]
"""Who sent a request; None for nobody who may use the API. A plain function runs in a thread."""

Permits: TypeAlias = Callable[[Actor, str, APICall], bool]
"""Whether this actor may do this (`read`, `retry`, `cancel`, or the name of an api) with this call."""


TenantOf: TypeAlias = Callable[[Actor], str | None]
"""The tenant that this actor belongs to; None for nobody who has one."""

TENANT_HEADER = "x-tenant-id"
"""What a client may say of its tenant. It is compared with the actor's, and believed of nobody."""


class NoTokens(DeclarationError):
    """BearerTokens({given!r}) knows nobody. Say by which token whom:
    `BearerTokens({{"operator": AuthRef("env://API_TOKEN")}})`.
    """


class BearerTokens:
    """Knows everybody by a token of their own: `BearerTokens({"operator": AuthRef("env://API_TOKEN")})`.

    A secret may hold several tokens, with a comma between, while one is rotated. Each is read anew for every
    request. Raises MissingCredentials if there is none at all.
    """

    def __init__(self, tokens: Mapping[Actor, AuthRef]) -> None:
        given: Any = tokens
        if not isinstance(given, Mapping) or not given:
            raise NoTokens(given=given)
        self._references = {
            actor: AuthRef(kept, setting=f"The token of {actor!r}") for actor, kept in tokens.items()
        }

    def __call__(self, request: Request) -> Actor | None:
        present = [actor for actor, reference in self._references.items() if is_present(reference)]
        if not present:
            raise MissingCredentials(self.credentials())
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        known = [actor for actor in present if self._is_of(actor, given.strip())]
        return known[0] if known and scheme.lower() == "bearer" else None

    def credentials(self) -> list[Credential]:
        """What the operator is to choose."""
        return [
            Credential(
                name=reference.place,
                purpose=f"By this the API under /api knows the {actor} (`Authorization: Bearer`).",
                obtain="you choose it, long and random",
                reference=reference,
                optional=True,
                present=is_present(reference),
            )
            for actor, reference in self._references.items()
        ]

    def _is_of(self, actor: Actor, given: str) -> bool:
        kept = resolve(self._references[actor]).get_secret_value()
        tokens = [token for part in kept.split(",") if (token := part.strip())]
        same = [secrets.compare_digest(token.encode(), given.encode()) for token in tokens]
        return any(same)
