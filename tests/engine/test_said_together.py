"""What one transaction is told of a call, in any order, comes to the same as if it were told one by one."""

from itertools import permutations
from typing import Any

import pytest
from sqlmodel import select

from framework import IntegrationEvent
from framework.app import App
from framework.integration import Completed, ExternalId, Failed, Processing
from framework.integration.ingest import Source, ingest
from framework.model.apicall import Standing
from framework.runtime.transaction import Transaction
from tests.engine.shop import Charge, Order, Paper, Payment

ID = ExternalId("pi_1")
SAID: dict[str, Any] = {
    "submit": ID,
    "processing": Processing(external_id=ID),
    "completed": Completed(Paper(url="here"), external_id=ID),
}


@pytest.fixture
def order(app: App) -> Order:
    with app.transaction() as tx:
        return tx.add(Order(cents=5))


def tell(app: App, call: Charge, *said: Any) -> list[Standing | None]:
    (desk,) = app.desks.values()

    def operation(tx: Transaction) -> list[Standing | None]:
        return [
            ingest(tx, desk, Source.SUBMIT, one, call_id=call.id)
            if isinstance(one, str)
            else ingest(tx, desk, Source.WEBHOOK, one)
            for one in said
        ]

    return app.engine.write(operation)


@pytest.mark.parametrize("sequence", list(permutations(SAID)))
@pytest.mark.parametrize("together", [True, False])
def test_the_order_of_news_does_not_matter(
    app: App, order: Order, sequence: tuple[str, ...], together: bool
) -> None:
    (call,) = app.query(select(Charge))
    if together:
        tell(app, call, *(SAID[name] for name in sequence))
    else:
        for name in sequence:
            tell(app, call, SAID[name])
    found = app.get(Charge, call.id)
    assert (found.status, found.external_id, found.result) == ("completed", "pi_1", Paper(url="here"))
    assert (app.get(Order, order.id).payment, app.get(Order, order.id).receipt) == (Payment.PAID, "here")
    assert app.verify() == []


@pytest.mark.parametrize("together", [True, False])
def test_the_end_stays_the_end(app: App, order: Order, together: bool) -> None:
    (call,) = app.query(select(Charge))
    said = [ID, SAID["completed"], Failed("no", external_id=ID), SAID["processing"], SAID["completed"]]
    one_by_one = (standing for one in said for standing in tell(app, call, one))
    standings = tell(app, call, *said) if together else list(one_by_one)
    assert standings == [Standing.APPLIED, Standing.APPLIED, Standing.CONFLICT, None, None]
    assert app.get(Charge, call.id).status == "completed"
    assert len(app.query(select(IntegrationEvent))) == 4
    assert app.get(Order, order.id).payment is Payment.PAID
    assert app.verify() == []


def test_one_repeated_orphan_is_kept_once(app: App, order: Order) -> None:
    (call,) = app.query(select(Charge))
    assert tell(app, call, SAID["completed"], SAID["completed"]) == [Standing.ORPHAN, None]
    assert app.get(Order, order.id).payment is Payment.DUE
    tell(app, call, ID)
    assert app.get(Order, order.id).payment is Payment.PAID
