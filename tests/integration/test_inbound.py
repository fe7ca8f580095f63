"""What happens at a vendor unasked becomes an event of the business."""

from typing import Any

import pytest

from framework.errors import DeclarationError
from framework.integration import Delivery, Integration, InvalidSignature, Outcome
from framework.model.apicall import APICall
from framework.model.entity import Event
from framework.model.payload import Payload


class Words(Payload):
    text: str


class Letter(APICall, table=True):
    __tablename__ = "inbound_letter"

    request: Words


class VisitorCame(Event, table=True):
    name: str


def signed(delivery: Delivery) -> None:
    if delivery.headers.get("x-signature") != "good":
        raise InvalidSignature("it is not good")


def signed_otherwise(delivery: Delivery) -> None: ...


def name_of(delivery: Delivery) -> str:
    return delivery.headers["x-delivery"]


def heard(delivery: Delivery) -> Event | None:
    return VisitorCame(name=delivery.json()["name"])


def outcome(delivery: Delivery) -> Outcome | None:
    return None


async def heard_later(delivery: Delivery) -> Event | None:
    return None


async def sent(call: Any, http: Any) -> Any: ...


def test_an_inbound_handler_is_known_with_its_path_its_check_and_its_key() -> None:
    porter = Integration("porter")
    assert porter.inbound(path="visits", verify=signed, key=name_of)(heard) is heard
    (inbound,) = porter.create_inbounds()
    assert (inbound.path, inbound.verify, inbound.key, inbound.parse) == ("visits", signed, name_of, heard)
    assert porter.handlers == {}


def test_an_inbound_path_may_be_shared_with_webhooks() -> None:
    porter = Integration("porter")
    porter.submit(Letter)(sent)
    porter.webhook(Letter, path="events", verify=signed)(outcome)
    porter.inbound(path="events", verify=signed, key=name_of)(heard)
    assert [webhook.path for webhook in porter.handlers[Letter].webhooks] == ["events"]
    assert [inbound.path for inbound in porter.create_inbounds()] == ["events"]


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda i: i.inbound(key=name_of)(heard), "'events' .* has no `verify`"),
        (lambda i: i.inbound(path="/in", verify=signed, key=name_of)(heard), "must be relative"),
        (lambda i: i.inbound(verify=signed, key=name_of)(heard_later), "heard_later .*plain `def`"),
        (lambda i: i.inbound(verify=heard_later, key=name_of)(heard), "heard_later .*as verify"),
        (lambda i: i.inbound(verify=signed, key=heard_later)(heard), "heard_later .*as key"),
        (
            lambda i: [i.inbound(verify=signed, key=name_of)(heard) for _ in "12"],
            "two `inbound` handlers for the path 'events'",
        ),
        (
            lambda i: (
                i.submit(Letter)(sent),
                i.webhook(Letter, path="events", verify=signed_otherwise)(outcome),
                i.inbound(path="events", verify=signed, key=name_of)(heard),
            ),
            "verified in two ways",
        ),
    ],
)
def test_mistakes_are_found_when_the_app_is_built(declare: Any, message: str) -> None:
    porter = Integration("porter")
    declare(porter)
    with pytest.raises(DeclarationError, match=message):
        _ = porter.handlers
