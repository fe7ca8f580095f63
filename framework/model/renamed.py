"""What a class and its facts were called before."""

from collections.abc import Mapping

from framework.model.words import check_text


class Renamed:
    """The former names of a class and of its facts, for a migration: what they hold is kept.

    `__renamed__ = Renamed("Purchase", email="mail")` in the body of `Order` says that it was `Purchase`, and
    its `email` was `mail`. It does nothing in a database that has the new names already.
    """

    def __init__(self, was: str | None = None, /, **fields: str) -> None:
        for name, former in (("was", was), *fields.items()):
            check_text(former, "Renamed", name)
        self.was = was
        self.fields: Mapping[str, str] = fields


def renamed(model: type) -> Renamed:
    """What a class says of its former names, itself."""
    said = vars(model).get("__renamed__")
    return said if isinstance(said, Renamed) else Renamed()
