"""What a query policy lets a reader see is no more than their tenant has, also where it looks elsewhere."""

from uuid import UUID

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from framework import Reader, policy, tenant
from framework.app import App, opened
from tests.engine.test_policies import MODULE, Customer, Line, Order, Small
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


def test_a_policy_that_looks_at_a_class_by_another_name_sees_the_tenants_own_records(
    database_url: str,
) -> None:
    """Bolt has an order of the same id, which its customer owns."""
    buyer, placed = aliased(Customer), aliased(Order, name="placed")

    @policy(Order)
    def bought(reader: Reader) -> ColumnElement[bool]:
        return exists().where(buyer.id == Order.customer_id, col(buyer.owner) == reader.actor)

    @policy(Line)
    def of_what_is_dear(reader: Reader) -> ColumnElement[bool]:
        return exists().where(placed.id == Line.order_id, placed.number > 1)

    with opened(App([[Line, Customer, Order, bought, of_what_is_dear]], [], database_url, REQUIRED)) as app:
        for name, owner, number in (("acme", "ada", 1), ("bolt", "eve", 2)):
            app.create_tenant(name)
            with tenant(name), app.transaction() as tx:
                tx.add(Customer(id=ID, owner=owner))
                tx.add(Order(id=ID, customer_id=ID, number=number))
                tx.add(Line(id=ID, order_id=ID))
        with tenant("acme"):
            assert app.query(select(Order.number), actor="ada") == [1]
            assert app.query(select(Order.number), actor="eve") == []
            assert app.query(select(Line.id), actor="ada") == []
        with tenant("bolt"):
            assert app.query(select(Order.number), actor="ada") == []
            assert app.query(select(Line.id), actor="eve") == [ID]


def test_of_a_view_a_tenant_has_the_members_of_their_own(database_url: str) -> None:
    """Bolt has an order of the same id, which is no member, and a small one whose customer Acme has, too."""
    other = aliased(Small)

    @policy(Customer)
    def of_small_orders(reader: Reader) -> ColumnElement[bool]:
        return exists().where(other.customer_id == Customer.id)

    @policy(Small)
    def not_the_first(reader: Reader) -> ColumnElement[bool]:
        return col(Small.number) > 1

    declared = [Line, Customer, Order, Small, of_small_orders, not_the_first]
    another = UUID(int=8)
    with opened(App([declared], [], database_url, REQUIRED)) as app:
        for name, number in (("acme", 1), ("bolt", 9)):
            app.create_tenant(name)
            with tenant(name), app.transaction() as tx:
                tx.add(Customer(id=ID, owner="ada"))
                tx.add(Customer(id=another, owner="eve"))
                tx.add(Order(id=ID, customer_id=ID, number=number))
                if name == "bolt":
                    tx.add(Order(id=another, customer_id=another, number=2))
        for name, owners, seen, members in (("acme", ["ada"], [], [1]), ("bolt", ["eve"], [2, 9], [2])):
            with tenant(name):
                assert app.query(select(Customer.owner), actor="ada") == owners
                assert sorted(app.query(select(Order.number), actor="ada")) == seen
                assert app.query(select(Small.number)) == members
        with tenant("bolt"), app.transaction() as tx:
            assert tx.update_where(Customer, col(Customer.id).in_(select(Small.customer_id)), owner="x") == 1
            tx.update(Order, ID, number=3)
            assert tx.update_where(Customer, exists().where(other.customer_id == Customer.id), owner="y") == 2
            assert tx.delete_where(Small, Small.number < 3) == 1
        with tenant("acme"):
            assert app.query(select(Small.number)) == [1]
            assert app.query(select(Customer.owner).where(Customer.owner != "ada")) == ["eve"]
        with tenant("bolt"):
            assert app.query(select(Order.number)) == [3]
            assert [str(one) for one in app.verify()] == []
