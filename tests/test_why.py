"""The failures that the page `docs/why.md` claims do happen."""

import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from docs.examples import handwritten_webhook
from docs.examples.handwritten_webhook import on_webhook, pay

DOCS = Path(handwritten_webhook.__file__).parents[1]


class Crash(BaseException):
    """The process ends here."""


class CardVendor:
    """Takes payments at once, and does `then` with each before it answers."""

    def __init__(self, then: Callable[[str], object]) -> None:
        self.then = then
        self.payments: list[str] = []
        self._ids = count(1)

    def create_payment(self, amount_cents: int) -> str:
        payment = f"pay_{next(self._ids)}"
        self.payments.append(payment)
        self.then(payment)
        return payment


@pytest.fixture
def db() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE orders (id TEXT, total_cents INTEGER, payment_id TEXT, status TEXT)")
    connection.execute("INSERT INTO orders VALUES ('1', 1250, NULL, 'placed')")
    return connection


def status(db: sqlite3.Connection) -> str:
    return str(db.execute("SELECT status FROM orders").fetchone()[0])


def succeeded(payment: str) -> dict[str, str]:
    return {"type": "payment.succeeded", "payment_id": payment}


def test_a_webhook_after_the_answer_pays_the_hand_written_order(db: sqlite3.Connection) -> None:
    vendor = CardVendor(then=lambda payment: None)
    pay(db, vendor, "1")
    on_webhook(db, succeeded(vendor.payments[0]))
    assert status(db) == "paid"


def test_a_webhook_before_the_answer_leaves_the_hand_written_order_unpaid(db: sqlite3.Connection) -> None:
    answers: list[int] = []
    vendor = CardVendor(then=lambda payment: answers.append(on_webhook(db, succeeded(payment))))
    pay(db, vendor, "1")
    assert answers == [200], "the vendor has no reason to send it again"
    assert status(db) == "placed"


def test_a_crash_after_the_post_charges_the_hand_written_order_twice(db: sqlite3.Connection) -> None:
    def crash_once(payment: str) -> None:
        if payment == "pay_1":
            raise Crash

    vendor = CardVendor(then=crash_once)
    with pytest.raises(Crash):
        pay(db, vendor, "1")
    pay(db, vendor, "1")
    assert vendor.payments == ["pay_1", "pay_2"]


def test_the_page_shows_the_code_that_is_tested() -> None:
    code = (DOCS / "examples" / "handwritten_webhook.py").read_text()
    assert code[code.index("def pay") :].strip() in (DOCS / "why.md").read_text()
