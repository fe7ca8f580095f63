"""What the shop's properties should be, in plain Python over its facts, without the framework's algebra."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any
from uuid import UUID

from sqlmodel import select

from framework.app import App
from tests.engine.shop import Charge, Customer, Item, Line, Order, Parcel, ParcelSent, Totals

Expected = dict[tuple[str, UUID], dict[str, Any]]


def everything(app: App, reborn: dict[UUID, UUID]) -> dict[type[Any], list[Any]]:
    """All records, oldest first: ids follow creation, but for those of records that came back."""
    kinds = (Item, Order, Customer, Line, Charge, Parcel, ParcelSent, Totals)
    return {
        kind: sorted(app.query(select(kind)), key=lambda one: reborn.get(one.id, one.id)) for kind in kinds
    }


def expectations(
    found: dict[type[Any], list[Any]],
    progress: dict[UUID, str],
    payment: dict[UUID, str],
    wear: dict[UUID, str],
) -> Expected:
    """The computed properties of all records, by class name and id; what machines should say is given."""
    items, orders, customers = found[Item], found[Order], found[Customer]
    expected: Expected = {}
    for order in orders:
        mine = [one for one in items if one.order_id == order.id]
        calls = [one for one in found[Charge] if one.order_id == order.id]
        customer = next((one for one in customers if one.id == order.customer_id), None)
        name = customer.name if customer else None
        total = sum(one.price or 0 for one in mine)
        label = f"{order.note}:{total}:{name}"
        names = [one.name for one in mine if one.name is not None]
        prices = [one.price for one in mine if one.price is not None]
        paid = [one for one in mine if one.paid]
        paid_prices = [one.price for one in paid if one.price is not None]
        receipts = [one.result.url for one in calls if one.result]
        expected["Order", order.id] = {
            "count": len(mine),
            "dear": len([price for price in prices if price > 5]),
            "total": total,
            "mean": _mean(prices),
            "mean_or_0": _mean([one.price or 0 for one in mine]),
            "all_paid": len(paid) == len(mine),
            "all_paid_and_some": bool(mine) and len(paid) == len(mine),
            "some_paid": bool(paid),
            "cheapest": min(prices, default=None),
            "dearest": max(paid_prices, default=None),
            "last_bought_at": max((one.bought_at for one in mine if one.bought_at), default=None),
            "first_name": names[0] if names else None,
            "latest_name": names[-1] if names else None,
            "latest_paid": paid_prices[-1] if paid_prices else None,
            "customer_name": name,
            "customer_total": customer.limit if customer else None,
            "label": label,
            "label_length": len(label) + len(mine),
            "weighted": sum(
                price * (3 if one.paid else 1) for one in mine if (price := one.price) is not None
            ),
            "newest_names": names[::-1][:2],
            "price_list": sorted(prices),
            "odd": len([price for price in prices if price % 2]),
            "line_count": 1 + min(len(mine), 3),
            "attempts": len(calls),
            "receipt": receipts[-1] if receipts else None,
            "progress": progress.get(order.id, "empty"),
            "payment": payment.get(order.id, "due"),
            "wear": wear.get(order.id, "new"),
        }
    for customer in customers:
        mine = [(one, expected["Order", one.id]) for one in orders if one.customer_id == customer.id]
        values = [value for _, value in mine]
        cheapest = [value["cheapest"] for value in values if value["cheapest"] is not None]
        expected["Customer", customer.id] = {
            "order_count": len(mine),
            "busy_count": len([value for value in values if value["progress"] == "open"]),
            "total": sum(value["total"] for value in values),
            "mean_of_means": _mean(cheapest),
            "best": max((value["total"] for value in values if value["count"]), default=None),
            "worst": min((value["mean"] for value in values if value["mean"] is not None), default=None),
            "newest_label": values[-1]["label"] if values else None,
            "paid": len([value for value in values if value["payment"] == "paid"]),
        }
    of_orders = [value for (kind, _), value in expected.items() if kind == "Order"]
    of_customers = [value for (kind, _), value in expected.items() if kind == "Customer"]
    names = [one.name for one in items if one.name is not None]
    revenue = sum(one.price or 0 for one in items)
    (totals,) = found[Totals]
    expected["Totals", totals.id] = {
        "revenue": revenue,
        "orders": len(orders),
        "lines": sum(value["line_count"] for value in of_orders),
        "dearest": max((one.price for one in items if one.price is not None), default=None),
        "cheapest_total": min((value["total"] for value in of_orders if value["count"]), default=None),
        "latest_name": names[-1] if names else None,
        "first_name": names[0] if names else None,
        "customers_total": sum(value["total"] for value in of_customers),
        "all_paid": all(one.paid for one in items),
        "shout": totals.motto.upper() + str(revenue),
    }
    return expected


def mistakes(
    found: dict[type[Any], list[Any]],
    progress: dict[UUID, str],
    payment: dict[UUID, str],
    wear: dict[UUID, str],
) -> list[str]:
    """Where the App says something else than it should."""
    records = {(kind.__name__, one.id): one for kind, ones in found.items() for one in ones}
    wrong = []
    for key, properties in expectations(found, progress, payment, wear).items():
        for name, value in properties.items():
            said = getattr(records[key], name)
            if said != value:
                wrong.append(f"{key[0]} {key[1]}.{name} is {said!r}, should be {value!r}")
    for order in found[Order]:
        printed = sorted((one.position, one.text) for one in found[Line] if one.order_id == order.id)
        wanted = [(0, order.note or "")] + [(n + 1, f"{n + 1}.") for n in range(min(order.count, 3))]
        if printed != wanted:
            wrong.append(f"the lines of {order.id} are {printed}, should be {wanted}")
        if order.cents and not order.attempts:
            wrong.append(f"order {order.id} was never charged")
        if order.attempts > 1:
            wrong.append(f"order {order.id} was charged {order.attempts} times")
    return wrong


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
