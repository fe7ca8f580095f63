"""Keys that keep tenants apart, and names that do no harm."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from integrations.s3.mapping import LONGEST_NAME, Copy, Stored, Upload, key_of, safe_name, to_result_of

CALL = UUID("9b2f8a52-9f4e-4a0b-8a44-0c1d8b7e5a11")


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Our cat & dog.jpg", "Our-cat-dog.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\photo.jpg", "photo.jpg"),
        (".htaccess", "htaccess"),
        ("Ka\u0308tzchen.jpg", "Kätzchen.jpg"),
        ("写真.png", "写真.png"),
        ("a\r\nX-Evil: 1", "a-X-Evil-1"),
        ("..", "file"),
        ("/", "file"),
        ("?%/&", "file"),
    ],
)
def test_a_name_keeps_what_is_harmless(filename: str, name: str) -> None:
    assert safe_name(filename) == name


def test_a_long_name_keeps_its_end() -> None:
    assert safe_name("ä" * 300 + ".jpg") == "ä" * 48 + ".jpg"
    assert len(safe_name("写" * 300).encode()) <= LONGEST_NAME
    assert len(safe_name("a." + "b" * 300).encode()) <= LONGEST_NAME


@given(st.text(max_size=400), st.sampled_from(["", "prefix/", "a/b/"]))
def test_no_name_leaves_its_place(filename: str, prefix: str) -> None:
    upload = Upload(
        filename=filename or "x", content_type="text/plain", max_bytes=1, tenant="acme", user="u1"
    )
    key = key_of(upload, CALL, prefix)
    place = f"{prefix}acme/u1/{CALL}/"
    assert key.startswith(place)
    assert "/" not in key.removeprefix(place)
    assert key.removeprefix(place) not in ("", ".", "..")
    assert len(key.encode()) <= 1024


@pytest.mark.parametrize("key", ["a/b.mp3", "ü/写.mp3", "a b+c"])
def test_a_copy_goes_to_any_key_that_clients_leave_alone(key: str) -> None:
    assert Copy(source_url="https://x", key=key).key == key


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "a/../b", "./a", "a\x00", "a\nb", "ä" * 513])
def test_a_copy_goes_to_no_key_that_means_another(key: str) -> None:
    with pytest.raises(ValidationError):
        Copy(source_url="https://x", key=key)


def test_the_address_of_a_source_is_not_shown() -> None:
    assert "signed" not in repr(Copy(source_url="https://host/?signed=1", key="k"))


def test_without_a_declared_result_all_that_is_known_is_the_result() -> None:
    stored = Stored(key="k", bucket="b", size=1, etag="e", content_type="text/plain")
    assert to_result_of(None)(stored) == stored
