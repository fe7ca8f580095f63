"""Plugins are found among the built-in ones, in installed packages and in a folder, each provider once."""

import importlib.metadata
from pathlib import Path

import pytest

from framework.catalog import (
    GROUP,
    Available,
    Catalog,
    Connector,
    EntryConfig,
    EntryType,
    Finding,
    Health,
    Plugins,
    Unavailable,
    Visit,
    discover,
)
from framework.catalog.errors import DuplicateProvider, NotAPlugin, UnavailableProvider
from framework.catalog.plugins.github_app import GitHubApp

BUILT_IN = ["acr", "ecr", "gcr", "github_app", "gitlab", "harbor", "in_memory", "registry"]

JENKINS = """
from framework.catalog import Connector, EntryType, Finding, Health, Visit


class Jenkins(Connector):
    type = EntryType.CI
    provider = "{provider}"

    async def test_connection(self, visit: Visit) -> Finding:
        return Finding(Health.HEALTHY)

    async def check_health(self, visit: Visit) -> Finding:
        return Finding(Health.HEALTHY)


def create_plugin() -> Connector:
    return Jenkins()
"""


class Zot(Connector):
    type = EntryType.REGISTRY
    provider = "zot"
    help: str | None = None

    def availability(self) -> Available | Unavailable:
        return Available() if self.help is None else Unavailable(self.help)

    async def test_connection(self, visit: Visit) -> Finding:
        return Finding(Health.HEALTHY)

    async def check_health(self, visit: Visit) -> Finding:
        return Finding(Health.HEALTHY)


class NoConnector:
    pass


def installed(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    points = [importlib.metadata.EntryPoint("a", value, GROUP) for value in values]

    def entry_points(*, group: str) -> list[importlib.metadata.EntryPoint]:
        return points if group == GROUP else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


def test_the_built_in_plugins_come_in_the_order_of_their_names() -> None:
    assert [plugin.provider for plugin in discover()] == BUILT_IN


def test_a_plugin_of_an_installed_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, f"{__name__}:Zot")
    assert [plugin.provider for plugin in discover()] == [*BUILT_IN, "zot"]


def test_a_plugin_in_a_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "jenkins.py").write_text(JENKINS.format(provider="jenkins"))
    (tmp_path / "_draft.py").write_text("this is not even Python")
    (tmp_path / "notes.txt").write_text("nor is this")
    plugins = discover(tmp_path)
    assert plugins.get("jenkins").type is EntryType.CI


def test_two_plugins_for_one_provider_are_named(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(JENKINS.format(provider="harbor"))
    with pytest.raises(DuplicateProvider) as mistake:
        discover(tmp_path)
    assert str(mistake.value) == (
        "Two plugins serve 'harbor': framework.catalog.plugins.harbor.Harbor and "
        "millrace_catalog_other.Jenkins. Remove one, or give it another provider."
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no.such.module:Plugin", "No module named"),
        (f"{__name__}:NoSuchPlugin", "NoSuchPlugin"),
        (f"{__name__}:NoConnector", "it returns a NoConnector"),
        (f"{__name__}:BUILT_IN", "no callable"),
    ],
)
def test_an_entry_point_that_is_no_plugin_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    installed(monkeypatch, value)
    with pytest.raises(NotAPlugin, match=problem) as mistake:
        discover()
    assert value in str(mistake.value)


@pytest.mark.parametrize(
    ("code", "problem"),
    [("x = 1", "create_plugin"), ("import no_such_module", "no_such_module"), ("def", "invalid syntax")],
)
def test_a_file_that_is_no_plugin_is_named(tmp_path: Path, code: str, problem: str) -> None:
    (tmp_path / "odd.py").write_text(code)
    with pytest.raises(NotAPlugin, match=problem) as mistake:
        discover(tmp_path)
    assert "odd.py" in str(mistake.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotAPlugin, match="it is not there"):
        discover(tmp_path / "nowhere")


def test_what_cannot_be_used_here_is_left_out_and_says_why(catalog: Catalog) -> None:
    zot = Zot()
    zot.help = "Install the package zot."
    plugins = Plugins([zot])
    assert list(plugins) == []
    assert plugins.unavailable() == {"zot": "Install the package zot."}
    with pytest.raises(UnavailableProvider, match="zot cannot be used here: Install the package zot"):
        Catalog(catalog.app, plugins).create("z", "zot", EntryConfig(base_url="https://zot.example.com"))


def test_github_apps_need_the_extra_that_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framework.catalog.plugins.github_app.find_spec", lambda name: None)
    plugins = Plugins([GitHubApp()])
    assert "millrace[github]" in plugins.unavailable()["github_app"]
