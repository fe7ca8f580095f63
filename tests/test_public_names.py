"""The public names: adding or removing one is a decision, not an accident."""

import inspect

import framework
from framework.app import App
from framework.runtime.transaction import Transaction

NAMES = """
    APICall Activity Admission Average CallStatus Collect Count Custom Deadline Entity Event Every Field First
    Formula Global Index IntegrationEvent Latest Lookup Max Min OnEntry Payload Reader Refused Relationship
    Renamed Retention Sequence Some StateMachine Sum Transition Unique WeightedSum
    all_of any_of became changed completed computed condition created current_tenant deleted derive entered
    failed guard left merged on policy race subset takeover tenant tenant_key
"""
APP = """
    activities activity asgi ask attempts authorize cancel close create create_tenant dead_calls
    delete_tenant dispatch engine explain explain_dispatch get graph health is_tenanted is_working letterboxes
    listening max_delivery_bytes members migrate migration orphans permits query rebuild replay resume run
    settle sweep tenant_of tenants tick transaction unmatched verify workers working works workshop
"""


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_the_names_of_the_framework() -> None:
    assert framework.__all__ == sorted(NAMES.split())


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    for name in framework.__all__:
        thing = getattr(framework, name)
        assert inspect.getdoc(thing) or thing.__module__.startswith("sqlmodel"), name


def test_the_methods_of_an_app() -> None:
    assert public(App) == set(APP.split())


def test_the_methods_of_a_transaction() -> None:
    of_the_engine = {"abandon", "finish", "give_back", "insert", "plan", "work"}
    methods = "add add_all delete delete_where dispatch ensure get load now reserve update update_where"
    assert public(Transaction) - of_the_engine == set(methods.split())


def test_the_names_of_the_design_are_there() -> None:
    promised = "dispatch transaction get query verify rebuild explain graph settle run asgi create close"
    assert set(promised.split()) <= public(App)
