"""Declaring an integration."""

import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic_settings import BaseSettings, SettingsConfigDict

from framework.errors import DeclarationError
from framework.integration import (
    AuthRef,
    Completed,
    Delivery,
    ExternalId,
    Failed,
    HostRefused,
    HTTPClient,
    Integration,
    Manifest,
    NotSubmitted,
    Outcome,
    Policy,
    Processing,
    SideEffect,
)
from framework.integration.integration import InvalidSettings, NotConfigured
from framework.integration.manifest import InvalidManifest
from framework.model.apicall import APICall
from framework.model.entity import Entity
from framework.model.payload import Payload


class Words(Payload):
    text: str


class Speech(APICall, table=True):
    request: Words


class Song(APICall, table=True):
    request: Words


class Listener(Entity, table=True):
    name: str


class AcmeSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ACME_")

    base_url: str = "https://api.acme.example"
    timeout_minutes: int = 5
    key: AuthRef = AuthRef("env://ACME_KEY")


async def answer(call: Any, http: HTTPClient) -> Completed:
    return Completed()


async def submit(call: Any, http: HTTPClient) -> ExternalId:
    return ExternalId("job_1")


async def look_up(call: Any, http: HTTPClient) -> Outcome | None:
    return Processing()


async def find(call: Any, http: HTTPClient) -> ExternalId | NotSubmitted:
    return NotSubmitted()


async def listed(since: datetime, http: HTTPClient) -> AsyncIterator[Outcome]:
    yield Failed("gone")


async def stop(call: Any, http: HTTPClient) -> None: ...


async def notice(record: Any, http: HTTPClient) -> None: ...


async def probe(http: HTTPClient) -> None: ...


async def hook() -> None: ...


def read(delivery: Delivery) -> Outcome | None:
    return None


def verify(delivery: Delivery) -> None: ...


def verify_otherwise(delivery: Delivery) -> None: ...


def acme(policy: Policy | None = None, **options: Any) -> Integration:
    return Integration("acme", policy=policy, **options)


def manifest(**facts: Any) -> Manifest:
    return Manifest.model_validate(
        {"title": "Acme", "api_version": "1", "hosts": ["api.acme.example"], "completes_by": "call"} | facts
    )


def test_the_verbs_become_the_handlers_of_their_call_class() -> None:
    vendor = acme()
    vendor.submit(Speech)(submit)
    vendor.poll(Speech)(look_up)
    vendor.webhook(Speech, path="events", verify=verify)(read)
    vendor.webhook(Speech, path="alarms", verify=verify)(read)
    vendor.recover(Speech)(find)
    vendor.reconcile(Speech)(listed)
    vendor.cancel(Speech)(stop)
    vendor.api(Speech)(look_up)
    vendor.call(Song)(answer)

    speech, song = vendor.handlers[Speech], vendor.handlers[Song]
    assert (speech.submit, speech.poll, speech.recover, speech.reconcile, speech.cancel) == (
        submit,
        look_up,
        find,
        listed,
        stop,
    )
    assert [webhook.path for webhook in speech.webhooks] == ["events", "alarms"]
    assert [api.name for api in speech.apis] == ["look_up"]
    assert (song.call, song.submit, song.poll, song.webhooks) == (answer, None, None, ())


def test_a_verb_leaves_the_function_as_it_is() -> None:
    assert acme().submit(Speech)(submit) is submit
    assert acme().on_start(hook) is hook


def test_a_bare_side_effect_serves_no_call() -> None:
    vendor = acme()
    vendor.side_effect(Listener)(notice)
    assert vendor.side_effects == [SideEffect(Listener, notice)]
    assert vendor.handlers == {}


def test_hooks_and_probes_are_found_by_their_verb() -> None:
    vendor = acme()
    vendor.on_start(hook)
    vendor.test_connection(probe)
    assert vendor.hook("on_start") is hook
    assert vendor.hook("test_connection") is probe
    assert vendor.hook("on_stop") is None


def test_a_subclass_may_add_to_what_the_verbs_declare() -> None:
    class Louder(Integration):
        def create_side_effects(self) -> list[SideEffect]:
            return [*super().create_side_effects(), SideEffect(Song, answer, "call")]

    vendor = Louder("acme")
    vendor.submit(Speech)(submit)
    vendor.poll(Speech)(look_up)
    assert set(vendor.handlers) == {Speech, Song}


def test_two_integrations_share_nothing() -> None:
    one, other = acme(), acme()
    one.submit(Speech)(submit)
    assert other.handlers == {}


def test_doubt_is_recovered_where_there_is_a_way_and_left_to_the_operator_elsewhere() -> None:
    vendor = acme()
    vendor.submit(Speech)(submit)
    vendor.poll(Speech)(look_up)
    vendor.recover(Speech)(find)
    vendor.call(Song)(answer)
    assert vendor.handlers[Speech].policy.on_doubt == "recover"
    assert vendor.handlers[Song].policy.on_doubt == "fail"


def test_what_the_policy_says_about_doubt_stands() -> None:
    vendor = acme(Policy(on_doubt="retry"))
    vendor.call(Song)(answer)
    assert vendor.handlers[Song].policy.on_doubt == "retry"


async def too_few(call: Any) -> Completed:
    return Completed()


def not_async(call: Any, http: HTTPClient) -> Completed:
    return Completed()


async def async_webhook(delivery: Delivery) -> None: ...


Mistake = Callable[[Integration], object]
MISTAKES: dict[str, tuple[Mistake, str]] = {
    "twice": (
        lambda i: (i.submit(Speech)(submit), i.submit(Speech)(submit)),
        "two handlers for submit of Speech",
    ),
    "polled twice": (
        lambda i: (i.submit(Speech)(submit), i.poll(Speech)(look_up), i.poll(Speech)(look_up)),
        "two handlers for poll of Speech",
    ),
    "recovered twice": (
        lambda i: (i.submit(Speech)(submit), i.recover(Speech)(find), i.recover(Speech)(find)),
        "two handlers for recover of Speech",
    ),
    "webhook twice": (
        lambda i: (
            i.submit(Speech)(submit),
            i.webhook(Speech, path="a", verify=verify)(read),
            i.webhook(Speech, path="a", verify=verify)(read),
        ),
        "two handlers for webhook 'a' of Speech",
    ),
    "submitted and never over": (
        lambda i: (i.submit(Speech)(submit), i.recover(Speech)(find), i.cancel(Speech)(stop)),
        "Integration acme submits Speech, and nothing brings the outcome. Add a `poll`, a `webhook`, a "
        "`reconcile` or an `api` for it; or make it `call`, if the vendor's answer is the result.",
    ),
    "of no class": (
        lambda i: i.call(None)(answer),
        r"acme\.call was given None, no call class with a table\.",
    ),
    "of no function": (
        lambda i: i.call(Speech),
        r"Integration acme says `call\(Speech\)` of no function\. Write `@integration\.call\(Speech\)` above",
    ),
    "a number for a path": (
        lambda i: (i.submit(Speech)(submit), i.webhook(Speech, path=5, verify=verify)(read)),
        "The webhook path 5 of integration acme must be relative, and of letters, digits, `-`, `_` "
        "and `.`, as "
        '"events" is.',
    ),
    "another's path": (
        lambda i: (i.submit(Speech)(submit), i.webhook(Speech, path="a/../b", verify=verify)(read)),
        "The webhook path 'a/../b' of integration acme must be relative",
    ),
    "no name of an address": (
        lambda i: (i.call(Song)(answer), i.api(Song, name="a/b")(look_up)),
        "Integration acme has an `api` for Song that is called 'a/b': the name is part of an "
        "address. Write it "
        "like_this.",
    ),
    "nothing that tells deliveries apart": (
        lambda i: i.inbound(key=None, verify=verify)(read),
        "The inbound path 'events' of integration acme has no `key`, so that a repeated delivery "
        "would happen again. "
        "Give it a function that reads the vendor's name for the delivery.",
    ),
    "call and submit": (
        lambda i: (i.call(Song)(answer), i.submit(Song)(submit)),
        "both `call` and `submit` for Song",
    ),
    "poll alone": (lambda i: i.poll(Speech)(look_up), "`poll` for Speech, but nothing that sends"),
    "webhook alone": (
        lambda i: i.webhook(Speech, verify=verify)(read),
        "`webhook` for Speech, but nothing that sends",
    ),
    "poll of a call": (lambda i: (i.call(Song)(answer), i.poll(Song)(look_up)), "polls for Song"),
    "cancel of a call": (lambda i: (i.call(Song)(answer), i.cancel(Song)(stop)), "`cancel` for Song"),
    "unverified": (
        lambda i: (i.submit(Speech)(submit), i.webhook(Speech, path="a")(read)),
        "'a' of integration acme for Speech has no `verify`",
    ),
    "absolute": (
        lambda i: (i.submit(Speech)(submit), i.webhook(Speech, path="/a", verify=verify)(read)),
        "must be relative",
    ),
    "verified in two ways": (
        lambda i: (
            i.submit(Speech)(submit),
            i.submit(Song)(submit),
            i.webhook(Speech, path="a", verify=verify)(read),
            i.webhook(Song, path="a", verify=verify_otherwise)(read),
        ),
        "verified in two ways",
    ),
    "too few arguments": (
        lambda i: i.call(Song)(too_few),  # type: ignore[type-var]
        r"too_few .*as call of Song.*\(call, http\)",
    ),
    "not async": (
        lambda i: i.call(Song)(not_async),  # type: ignore[type-var]
        "not_async .*`async def`",
    ),
    "async webhook": (
        lambda i: i.webhook(Speech, verify=verify)(async_webhook),  # type: ignore[type-var]
        "async_webhook .*plain `def`",
    ),
    "async verify": (
        lambda i: i.webhook(Speech, verify=async_webhook)(read),  # type: ignore[arg-type]
        "async_webhook .*as verify of Speech",
    ),
    "hook with arguments": (
        lambda i: i.on_start(probe),  # type: ignore[type-var]
        "probe .*as on_start of the integration",
    ),
    "hook twice": (lambda i: (i.on_stop(hook), i.on_stop(hook)), "two functions for on_stop"),
    "no call": (
        lambda i: i.submit(Listener)(submit),  # type: ignore[arg-type]
        r"acme\.submit was given Listener, no call class.*APICall, table=True",
    ),
    "no table": (lambda i: i.submit(APICall)(submit), r"acme\.submit was given APICall"),
    "no class": (
        lambda i: i.submit("Speech")(submit),  # type: ignore[arg-type]
        r"acme\.submit was given",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_when_the_app_is_built_and_names_class_and_remedy(name: str) -> None:
    declare, message = MISTAKES[name]
    vendor = acme()
    declare(vendor)
    with pytest.raises(DeclarationError, match=f"(?s){message}"):
        _ = vendor.handlers


def test_recovering_without_a_way_to_recover_is_a_mistake() -> None:
    vendor = acme(Policy(on_doubt="recover"))
    vendor.submit(Speech)(submit)
    with pytest.raises(DeclarationError, match="has no `recover`"):
        _ = vendor.handlers


def test_a_manifest_that_says_otherwise_about_doubt_is_a_mistake() -> None:
    vendor = acme(manifest=manifest(in_doubt="retry"))
    vendor.submit(Speech)(submit)
    with pytest.raises(DeclarationError, match="in_doubt = 'retry', but for Speech it is 'fail'"):
        _ = vendor.handlers


@pytest.mark.parametrize(
    ("options", "must"),
    [
        ({"policy": {"concurrency": 4}}, "a Policy: `Policy(concurrency=4)`"),
        ({"manifest": "manifest.toml"}, "a Manifest: `load_manifest(folder)`"),
        (
            {"settings": {"key": "x"}},
            "a class of settings, or one of its instances: `class VendorSettings(BaseSettings)`",
        ),
        (
            {"settings": str},
            "a class of settings, or one of its instances: `class VendorSettings(BaseSettings)`",
        ),
    ],
)
def test_an_integration_is_made_of_what_it_takes(options: dict[str, Any], must: str) -> None:
    ((part, given),) = options.items()
    with pytest.raises(DeclarationError) as wrong:
        Integration("acme", **options).configure()
    assert str(wrong.value) == f"Integration('acme', {part}={given!r}) cannot be: it must be {must}."


@pytest.mark.parametrize("name", ["", "Acme", "a/b", "9lives", None, 5])
def test_a_name_that_is_no_part_of_an_address_is_a_mistake(name: Any) -> None:
    with pytest.raises(DeclarationError, match="like_this"):
        Integration(name).configure()


def test_settings_are_read_when_the_app_is_built_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = Integration("acme", settings=AcmeSettings)
    with pytest.raises(NotConfigured):
        _ = vendor.settings
    monkeypatch.setenv("ACME_BASE_URL", "http://127.0.0.1:9000")
    vendor.configure()
    assert vendor.settings.base_url == vendor.base_url == "http://127.0.0.1:9000"


def test_settings_may_be_given_as_they_are() -> None:
    vendor = Integration("acme", settings=AcmeSettings(timeout_minutes=9))
    vendor.configure()
    assert vendor.settings.timeout_minutes == 9


def test_settings_that_cannot_be_used_are_said_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TIMEOUT_MINUTES", "sk_live_pasted_into_the_wrong_line")
    with pytest.raises(InvalidSettings, match="timeout_minutes") as caught:
        Integration("acme", settings=AcmeSettings).configure()
    assert "sk_live" not in str(caught.value)


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], type[BaseSettings]]:
    """Settings whose module lies in a folder with the given manifest."""

    def package(text: str) -> type[BaseSettings]:
        (tmp_path / "manifest.toml").write_text(text)
        module = ModuleType("packaged_acme.settings")
        module.__file__ = str(tmp_path / "settings.py")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return type("PackagedSettings", (AcmeSettings,), {"__module__": module.__name__})

    return package


def test_the_manifest_beside_the_settings_is_found(packaged: Callable[[str], type[BaseSettings]]) -> None:
    text = 'title = "Acme"\napi_version = "1"\nhosts = ["api.acme.example"]\ncompletes_by = "call"\n'
    vendor = acme(settings=packaged(text))
    vendor.configure()
    assert vendor.manifest == manifest()


def test_a_broken_manifest_beside_the_settings_is_no_missing_one(
    packaged: Callable[[str], type[BaseSettings]],
) -> None:
    with pytest.raises(InvalidManifest):
        acme(settings=packaged("title = 1")).configure()


SECRETS = [
    {"name": "ACME_KEY", "purpose": "Authenticates.", "obtain": "https://acme.example/keys"},
    {"name": "ACME_HOOK", "purpose": "Verifies.", "obtain": "https://acme.example/hooks"},
    {"name": "ACME_EXTRA", "purpose": "Adds.", "obtain": "https://acme.example/more", "optional": True},
]


def test_the_credentials_of_the_manifest_are_listed_with_those_that_are_missing() -> None:
    vendor = acme(settings=AcmeSettings(), manifest=manifest(secrets=SECRETS))
    vendor.configure()
    found = {one.name: one for one in vendor.credentials({"ACME_KEY": "x"})}
    assert [one.missing for one in found.values()] == [False, True, False]
    assert found["ACME_HOOK"].obtain == "https://acme.example/hooks"


def test_a_credential_is_looked_for_where_the_settings_point(tmp_path: Path) -> None:
    file = tmp_path / "key"
    vendor = acme(
        settings=AcmeSettings(key=AuthRef(f"file://{file}")), manifest=manifest(secrets=SECRETS[:1])
    )
    vendor.configure()
    assert vendor.credentials({"ACME_KEY": "in the wrong place"})[0].missing
    file.write_text("secret")
    assert not vendor.credentials({})[0].missing


@pytest.mark.anyio
async def test_the_client_goes_where_the_manifest_says() -> None:
    network = httpx.MockTransport(lambda request: httpx.Response(200, text=str(request.url)))
    vendor = acme(settings=AcmeSettings(), manifest=manifest())
    vendor.configure()
    async with vendor.open_client(transport=network) as http:
        assert (await http.get("/v1/speech")).text == "https://api.acme.example/v1/speech"
        with pytest.raises(HostRefused, match=r"manifest\.toml of acme"):
            await http.get("https://evil.example/")


@pytest.mark.anyio
async def test_without_a_manifest_the_client_goes_to_the_base_url_and_nowhere_else() -> None:
    network = httpx.MockTransport(lambda request: httpx.Response(200))
    vendor = acme(settings=AcmeSettings())
    vendor.configure()
    async with vendor.open_client(transport=network) as http:
        assert (await http.get("/v1/speech")).status_code == 200
        with pytest.raises(HostRefused, match="the setting base_url of acme"):
            await http.get("https://evil.example/")
