"""Where the bucket is, who may write to it, and for how long a browser may."""

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.integration.secrets import AuthRef, is_present, resolve
from integrations.s3.client import Bucket
from integrations.s3.signing import LONGEST, Credentials, Signer

AWS = ".amazonaws.com"


def _home(known: dict[str, Any]) -> str:
    return f"https://s3.{known.get('region', 'us-east-1')}{AWS}"


class S3Settings(BaseSettings):
    """From the environment: `S3_BUCKET_NAME`, `AWS_REGION`, and `S3_BASE_URL` for a storage that is not AWS.

    The credentials are by default in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, where they are
    temporary, `AWS_SESSION_TOKEN`. `S3_ACCESS_KEY_ID_REF` and so on say where else they are kept.

    `link_seconds` is how long a link for an upload counts, from the creation of its call. `grace_seconds` is
    how long an upload that began in time may take. `largest_upload` and `largest_copy` are bytes.
    `addressing` says where the bucket's name goes; by default into the host at AWS, into the path elsewhere.
    `copy_from` lists the hosts from which results may be copied: names such as `*.example.com`, always by
    https, or an address on this very machine (`http://127.0.0.1:8900`).
    """

    model_config = SettingsConfigDict(env_prefix="S3_", frozen=True, populate_by_name=True)

    bucket_name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    region: str = Field(
        default="us-east-1",
        validation_alias=AliasChoices("region", "S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"),
    )
    base_url: str = Field(
        default_factory=_home, validation_alias=AliasChoices("base_url", "S3_BASE_URL", "S3_ENDPOINT")
    )
    addressing: Literal["virtual", "path", "auto"] = "auto"
    access_key_id_ref: AuthRef = AuthRef("env://AWS_ACCESS_KEY_ID")
    secret_access_key_ref: AuthRef = AuthRef("env://AWS_SECRET_ACCESS_KEY")
    session_token_ref: AuthRef = AuthRef("env://AWS_SESSION_TOKEN")
    key_prefix: str = Field(default="", pattern=r"^([A-Za-z0-9_-]+/)*$")
    link_seconds: int = Field(default=900, ge=1, le=int(LONGEST.total_seconds()))
    grace_seconds: int = Field(default=300, ge=0)
    largest_upload: int = Field(default=100 * 1024 * 1024, ge=1, le=5 * 1024**3)
    largest_copy: int = Field(default=100 * 1024 * 1024, ge=1, le=5 * 1024**3)
    copy_from: frozenset[str] = frozenset()

    @property
    def bucket(self) -> Bucket:
        """The bucket where it is. A name with dots stays out of the host, which no certificate covers."""
        at_aws = (urlsplit(self.base_url).hostname or "").endswith(AWS)
        virtual = at_aws and "." not in self.bucket_name
        if self.addressing != "auto":
            virtual = self.addressing == "virtual"
        return Bucket(self.base_url, self.bucket_name, virtual)

    def signer(self) -> Signer:
        """The credentials, read anew each time. Raises MissingCredentials."""
        token = self.session_token_ref
        credentials = Credentials(
            resolve(self.access_key_id_ref).get_secret_value(),
            resolve(self.secret_access_key_ref).get_secret_value(),
            resolve(token).get_secret_value() if is_present(token) else None,
        )
        return Signer(credentials, self.region)
