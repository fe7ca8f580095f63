"""The section of the catalog's plugins on the page of all integrations."""

from framework.catalog import Connector, discover

HEAD = """
## The plugins of the catalog

[The catalog](catalog.md) visits what a company's software comes from and goes to. Its plugins carry out no
calls: each is asked for `test_connection`, `check_health` and `availability`. A visit reaches the address of
its entry and the hosts that the entry lists; secrets are referred to, never given.

| provider | type | address | options | judged by | live |
| --- | --- | --- | --- | --- | --- |"""


def plugins_section() -> list[str]:
    """The plugins that a project without plugins of its own has, in the order of their names."""
    return [HEAD, *(_row(plugin) for plugin in discover())]


def _row(plugin: Connector) -> str:
    given = "the entry's" if plugin.needs_address else "none"
    cells = (
        f"`{plugin.provider}`",
        plugin.type.replace("_", " "),
        f"`{plugin.default_url}`" if plugin.default_url else given,
        ", ".join(f"`{name}`" for name in (*plugin.required, *plugin.optional)) or "none",
        ", ".join(plugin.judged_by) or "doubles alone",
        "not reached",
    )
    return f"| {' | '.join(cells)} |"
