"""Millrace: declare what data is, and how its truth reaches other people's APIs. The public names."""

from sqlmodel import Field, Index

from framework.computations.activity import Activity, all_of, any_of, race
from framework.computations.admission import Admission, Refused, condition, guard
from framework.computations.average import Average
from framework.computations.count import Count
from framework.computations.custom import Custom
from framework.computations.deadline import Deadline
from framework.computations.formula import Formula
from framework.computations.lookup import Lookup
from framework.computations.on_entry import OnEntry
from framework.computations.policy import Reader, policy
from framework.computations.quantifiers import Every, Some
from framework.computations.retention import Retention
from framework.computations.rule import derive
from framework.computations.selective import Collect, First, Latest, Max, Min
from framework.computations.sequence import Sequence
from framework.computations.statemachine import StateMachine, Transition
from framework.computations.sum import Sum
from framework.computations.triggers import (
    became,
    changed,
    completed,
    created,
    deleted,
    entered,
    failed,
    left,
    on,
)
from framework.computations.weighted_sum import WeightedSum
from framework.model.apicall import APICall, CallStatus, IntegrationEvent
from framework.model.computation import computed
from framework.model.entity import Entity, Event, Global
from framework.model.payload import Payload
from framework.model.relation import Relationship
from framework.model.renamed import Renamed
from framework.model.takeover import takeover
from framework.model.unique import Unique
from framework.model.views import merged, subset
from framework.tenancy import current_tenant, tenant, tenant_key

__all__ = [
    "APICall",
    "Activity",
    "Admission",
    "Average",
    "CallStatus",
    "Collect",
    "Count",
    "Custom",
    "Deadline",
    "Entity",
    "Event",
    "Every",
    "Field",
    "First",
    "Formula",
    "Global",
    "Index",
    "IntegrationEvent",
    "Latest",
    "Lookup",
    "Max",
    "Min",
    "OnEntry",
    "Payload",
    "Reader",
    "Refused",
    "Relationship",
    "Renamed",
    "Retention",
    "Sequence",
    "Some",
    "StateMachine",
    "Sum",
    "Transition",
    "Unique",
    "WeightedSum",
    "all_of",
    "any_of",
    "became",
    "changed",
    "completed",
    "computed",
    "condition",
    "created",
    "current_tenant",
    "deleted",
    "derive",
    "entered",
    "failed",
    "guard",
    "left",
    "merged",
    "on",
    "policy",
    "race",
    "subset",
    "takeover",
    "tenant",
    "tenant_key",
]
