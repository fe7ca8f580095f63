"""Records of one kind do not become those of another: an old order is no event, and nobody carries it out."""

from contextlib import closing
from typing import Any

import pytest

from framework import APICall, Entity, Event, Field, Global, Payload
from framework.app import App, opened
from framework.migration.errors import MigrationRefused
from framework.storage.errors import SchemaDiffers


class Asked(Payload):
    name: str = "a"


def thing(kind: type[Any]) -> list[Any]:
    more: dict[str, Any] = {"request": Asked} if kind is APICall else {}
    body = {"__annotations__": more, "__module__": __name__, "__qualname__": "Thing"}
    if more:
        body["request"] = Field(default_factory=Asked)
    return [type(kind)("Thing", (kind,), body, table=True)]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (Entity, APICall, "was an entity, is a call"),
        (Entity, Global, "was an entity, is a Global"),
        (Event, Entity, "was an event, is an entity"),
    ],
)
def test_a_class_of_another_kind_is_refused(
    database_url: str, before: type[Any], now: type[Any], said: str
) -> None:
    with opened(App([thing(before)], database=database_url)):
        pass
    with closing(App([thing(now)], database=database_url)) as app:
        assert f"Thing: {said}. Declare it under another name, beside the old" in str(app.migration())
        with pytest.raises(SchemaDiffers, match=r"(?i)thing"):
            app.create()
        with pytest.raises(MigrationRefused, match=said):
            app.migrate(allow_loss=True)
