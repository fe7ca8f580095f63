"""The HTTP client that handlers get, by name alone: who opens one needs more, and only then."""

from typing import TypeAlias

import httpx

HTTPClient: TypeAlias = httpx.AsyncClient
