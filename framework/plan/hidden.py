"""Names of hidden columns, made of the names that they belong to."""

from hashlib import blake2b

LONGEST = 63
"""Bytes: PostgreSQL cuts off the rest of a name, and takes two that begin alike for one."""


def hidden_name(*parts: str) -> str:
    """The parts as one name; of a long one the beginning, with a digest that tells it from others."""
    name = "_" + "_".join(parts)
    if is_short(name):
        return name
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name.encode()[: LONGEST - len(digest) - 1].decode(errors='ignore')}_{digest}"


def is_short(name: str) -> bool:
    """Whether every database takes the name as it is."""
    return len(name.encode()) <= LONGEST
