"""What S3 says, as far as it is used here."""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree


class UnreadableXML(ValueError):
    """The body is no XML that S3 documents."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True)
class ObjectHead:
    """An object without its bytes. `etag` has no quotes; `version_id` is of buckets that keep versions."""

    size: int
    etag: str
    content_type: str
    version_id: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "ObjectHead":
        """From the headers of an answer. Raises KeyError or ValueError."""
        return cls(
            size=int(headers["Content-Length"]),
            etag=headers["ETag"].strip('"'),
            content_type=headers.get("Content-Type", ""),
            version_id=headers.get("x-amz-version-id"),
        )


@dataclass(frozen=True)
class ErrorBody:
    """`<Error><Code>..</Code><Message>..</Message></Error>`; empty where there is no body, as after HEAD."""

    code: str = ""
    message: str = ""

    @classmethod
    def read(cls, body: bytes) -> "ErrorBody":
        """What an error's body says; nothing if it cannot be read."""
        try:
            root = parse_xml(body)
        except UnreadableXML:
            return cls()
        return cls(text_of(root, "Code"), text_of(root, "Message")[:300])


def parse_xml(body: bytes) -> ElementTree.Element:
    """The root of a document. Raises UnreadableXML, also if it declares entities, which S3 never does."""
    if b"<!" in body:
        raise UnreadableXML
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise UnreadableXML from error


def text_of(root: ElementTree.Element, name: str) -> str:
    """The text of a child, whatever its namespace: AWS gives one, others do not."""
    found = root.find(f"{{*}}{name}")
    return (found.text or "") if found is not None else ""
