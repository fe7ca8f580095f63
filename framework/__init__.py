"""Millrace: declare what data is, and how its truth reaches other people's APIs. The public names."""

from sqlmodel import Field, Relationship

from framework.computations.average import Average
from framework.computations.count import Count
from framework.computations.formula import Formula
from framework.computations.lookup import Lookup
from framework.computations.quantifiers import Every, Some
from framework.computations.rule import derive
from framework.computations.selective import First, Latest, Max, Min
from framework.computations.statemachine import StateMachine, Transition
from framework.computations.sum import Sum
from framework.computations.triggers import changed, completed, created, deleted, failed, on
from framework.model.apicall import APICall, CallStatus, IntegrationEvent
from framework.model.computation import computed
from framework.model.entity import Entity, Event, Global
from framework.model.payload import Payload

__all__ = [
    "APICall",
    "Average",
    "CallStatus",
    "Count",
    "Entity",
    "Event",
    "Every",
    "Field",
    "First",
    "Formula",
    "Global",
    "IntegrationEvent",
    "Latest",
    "Lookup",
    "Max",
    "Min",
    "Payload",
    "Relationship",
    "Some",
    "StateMachine",
    "Sum",
    "Transition",
    "changed",
    "completed",
    "computed",
    "created",
    "deleted",
    "derive",
    "failed",
    "on",
]
