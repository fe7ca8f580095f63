"""The built-in plugins."""

from collections.abc import Callable, Sequence

from framework.catalog.contract import Connector
from framework.catalog.plugins.acr import Acr
from framework.catalog.plugins.ecr import Ecr
from framework.catalog.plugins.gcr import Gcr
from framework.catalog.plugins.github_app import GitHubApp
from framework.catalog.plugins.gitlab import GitLab
from framework.catalog.plugins.harbor import Harbor
from framework.catalog.plugins.in_memory import InMemory
from framework.catalog.plugins.registry_v2 import RegistryV2

BUILT_IN: Sequence[Callable[[], Connector]] = (Acr, Ecr, Gcr, GitHubApp, GitLab, Harbor, InMemory, RegistryV2)
"""What makes the plugins that come with the framework."""
