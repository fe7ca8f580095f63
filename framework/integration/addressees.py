"""Addressees: the tenant whose call a vendor speaks of."""

from framework.errors import DispatchError
from framework.integration.desk import Desk
from framework.integration.outcomes import Outcome
from framework.runtime.engine import Engine
from framework.tenancy import nobody


class UnknownAddressee(DispatchError):
    """{integration} speaks of the {call} {name!r}, which no tenant is known to have yet. Let it say so again,
    or let the integration say whose it is (`tenant=`).
    """


class SeveralAddressees(DispatchError):
    """{integration} speaks of the {call} {name!r}, which several tenants have. Give each of them an address
    of its own, /tenants/<tenant>/webhooks/{integration}/..., or let the integration say whose it is
    (`tenant=`).
    """


def addressee(engine: Engine, desk: Desk, outcome: Outcome) -> str | None:
    """The tenant whose call the outcome is about; None where records have no tenants.

    Raises UnknownAddressee or SeveralAddressees.
    """
    if not engine.plan.tenanted:
        return None
    names = [str(name) for name in (outcome.external_id, outcome.reference) if name is not None]
    with nobody(), engine.database.reading() as connection:
        found = [engine.database.tenants.whose(connection, desk.shape.name, name) for name in names]
    for tenants in found:
        if len(tenants) == 1:
            return tenants[0]
    mistake = SeveralAddressees if any(found) else UnknownAddressee
    raise mistake(
        integration=desk.integration.name, call=desk.shape.name, name=names[0] if names else "of no name"
    )
