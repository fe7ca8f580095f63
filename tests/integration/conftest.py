"""What a worker promises, it promises on every database."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration import desk_of_orders
from tests.schemas import schema


@pytest.fixture(params=["sqlite", "postgresql"])
def each_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shops are opened on an empty database of each kind in turn, unless a test names its own."""
    with ExitStack() as schemas:
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres")
            monkeypatch.setattr(desk_of_orders, "in_memory", lambda: schemas.enter_context(schema(server)))
        yield
