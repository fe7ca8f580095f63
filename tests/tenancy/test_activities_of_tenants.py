"""Activities of tenants: each has its own instances, though their ids are the same."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from framework import tenant
from framework.app import App, opened
from framework.runtime.errors import MissingReference, NoSuchRecord, OutOfOrder
from tests.engine.test_activities import MODULE, MoneySent, RefundApproved, RefundAsked, RefundRefused, refund
from tests.tenancy.conftest import REQUIRED

SAME, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with opened(App([MODULE], database=database_url, settings=REQUIRED)) as app:
        for name in ("acme", "bolt"):
            app.create_tenant(name)
        with tenant("acme"):
            app.dispatch(RefundAsked(id=SAME))
            app.dispatch(RefundAsked(id=OTHER))
            app.dispatch(RefundApproved(refund_id=SAME))
        with tenant("bolt"):
            app.dispatch(RefundAsked(id=SAME))
        yield app
        for name in ("acme", "bolt"):
            with tenant(name):
                assert app.verify() == []


def test_each_tenant_has_its_own_instances(app: App) -> None:
    with tenant("acme"):
        assert app.activity(refund, SAME).happened == (RefundAsked, RefundApproved)
        assert [one.id for one in app.activities(refund)] == [SAME, OTHER]
        assert [one.id for one in app.activities(refund, waiting_for=MoneySent)] == [SAME]
    with tenant("bolt"):
        assert app.activity(refund, SAME).happened == (RefundAsked,)
        assert [one.id for one in app.activities(refund)] == [SAME]
        assert app.activities(refund, waiting_for=MoneySent) == []
        with pytest.raises(NoSuchRecord):
            app.activity(refund, OTHER)


def test_the_turns_of_one_tenant_are_not_those_of_another(app: App) -> None:
    with tenant("bolt"):
        with pytest.raises(OutOfOrder):
            app.dispatch(MoneySent(refund_id=SAME))
        with pytest.raises(MissingReference):
            app.dispatch(RefundRefused(refund_id=OTHER))
        app.dispatch(RefundRefused(refund_id=SAME))
        assert app.activities(refund) == []
    with tenant("acme"):
        assert [one.id for one in app.activities(refund)] == [SAME, OTHER]
        app.dispatch(MoneySent(refund_id=SAME))
