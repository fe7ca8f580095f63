"""AWS Signature Version 4, for the one request that a registry of AWS needs: a POST to the root of a service.

1. The canonical request: method, path, query, sorted headers, their names, the hash of the payload.
2. The string to sign: algorithm, time, scope (day, region, service), hash of the canonical request.
3. The signing key: an HMAC chain from the secret over the parts of the scope.

Source: AWS, "Create a signed AWS API request".
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

from pydantic import SecretStr

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class AwsKey:
    """Who signs. `session_token` comes with temporary credentials."""

    access_key_id: str
    secret: SecretStr
    session_token: SecretStr | None = None


def signed_post(
    key: AwsKey,
    host: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    region: str,
    service: str,
    at: datetime,
) -> dict[str, str]:
    """The headers of a POST to `/` with these headers, and its signature over all of them."""
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    whole = {name.lower(): value.strip() for name, value in headers.items()} | {
        "host": host,
        "x-amz-date": stamp,
    }
    if key.session_token is not None:
        whole["x-amz-security-token"] = key.session_token.get_secret_value()
    names = ";".join(sorted(whole))
    lines = "".join(f"{name}:{whole[name]}\n" for name in sorted(whole))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{_hash(body)}"
    scope = (stamp[:8], region, service, "aws4_request")
    to_sign = f"{_ALGORITHM}\n{stamp}\n{'/'.join(scope)}\n{_hash(canonical.encode())}"
    signing_key = reduce(_hmac, scope, f"AWS4{key.secret.get_secret_value()}".encode())
    signature = _hmac(signing_key, to_sign).hex()
    whole["authorization"] = (
        f"{_ALGORITHM} Credential={key.access_key_id}/{'/'.join(scope)}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return whole


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
