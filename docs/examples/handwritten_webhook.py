"""A payment as it is usually written by hand: post, remember the id, wait for the webhook."""

import sqlite3
from typing import Protocol


class Vendor(Protocol):
    def create_payment(self, amount_cents: int) -> str: ...


def pay(db: sqlite3.Connection, vendor: Vendor, order_id: str) -> None:
    (amount,) = db.execute("SELECT total_cents FROM orders WHERE id = ?", (order_id,)).fetchone()
    payment_id = vendor.create_payment(amount)
    db.execute("UPDATE orders SET payment_id = ? WHERE id = ?", (payment_id, order_id))
    db.commit()


def on_webhook(db: sqlite3.Connection, event: dict[str, str]) -> int:
    if event["type"] == "payment.succeeded":
        db.execute("UPDATE orders SET status = 'paid' WHERE payment_id = ?", (event["payment_id"],))
        db.commit()
    return 200
