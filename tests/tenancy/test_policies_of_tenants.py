"""What a query policy lets a reader see is no more than their tenant has, also where it looks elsewhere."""

from uuid import UUID

from sqlmodel import col, select

from framework import tenant
from framework.app import App
from tests.engine.test_policies import MODULE, Customer, Order
from tests.tenancy.conftest import REQUIRED

ID = UUID(int=7)


def test_a_policy_looks_at_the_tenants_own_records(database_url: str) -> None:
    app = App([MODULE], [], database_url, settings=REQUIRED)
    app.create()
    for name, owner, number in (("acme", "ada", 1), ("bolt", "eve", 2)):
        app.create_tenant(name)
        with tenant(name), app.transaction() as tx:
            tx.add(Customer(id=ID, owner=owner))
            tx.add(Order(id=ID, customer_id=ID, number=number))
    numbers = select(Order.number)
    of_customers = numbers.join(Customer, col(Customer.id) == Order.customer_id)
    for statement in (numbers, of_customers, numbers.where(Order.customer.has())):  # type: ignore[attr-defined]
        with tenant("acme"):
            assert app.query(statement, actor="ada") == [1]
            assert app.query(statement, actor="eve") == []
            assert app.query(statement, context={"staff": True}) == [1]
        with tenant("bolt"):
            assert app.query(statement, actor="ada") == []
            assert app.query(statement, actor="eve") == [2]
    app.close()
