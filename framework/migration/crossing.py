"""Crossing: a database is made with tenants or without, and no migration leads from one to the other."""

from collections.abc import Mapping

from framework.migration.changes import Change
from framework.plan.plan import Plan
from framework.storage.forms import Form
from framework.storage.scoping import TENANT

_SETTING = 'Settings(tenancy="required")'


def crossing_of(plan: Plan, forms: Mapping[str, Form]) -> Change | None:
    """Why the records that are there cannot become those of this App; None if they can."""
    there = any(TENANT in form.columns for form in forms.values())
    if there == plan.tenanted:
        return None
    if there:
        remedy = f"Build the App with {_SETTING}"
        return Change("all records", "belong to tenants, and this App has none", remedy=remedy)
    remedy = (
        f"Build the App without {_SETTING}, or make a database of its own for it, make a tenant there, and"
        " store the facts again for that one (`millrace load --tenant`)"
    )
    return Change("all records", "belong to nobody, and those of this App to tenants", remedy=remedy)
