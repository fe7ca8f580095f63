"""What can be wrong with plugins, and with what is asked of the catalog."""

from framework.errors import DeclarationError, DispatchError


class DuplicateProvider(DeclarationError):
    """Two plugins serve {provider!r}: {first} and {second}. Remove one, or give it another provider."""


class NotAPlugin(DeclarationError):
    """{place} gives no catalog plugin: {problem}. It must name a callable without arguments that returns a
    `framework.catalog.Connector`.
    """


class InvalidEntry(DispatchError):
    """An entry cannot be described like this: {problems}. Write
    `catalog.create("images", "registry", EntryConfig(base_url="https://registry.example.com"))`.
    """


class UnknownProvider(DispatchError):
    """No plugin serves {provider!r}. Those that are served here: {providers}."""


class UnavailableProvider(DispatchError):
    """{provider} cannot be used here: {reason}"""


class UnknownOption(DispatchError):
    """{provider} takes no option {option!r}. Its options: {options}."""


class MissingOption(DispatchError):
    """{provider} needs the {option}: {purpose}."""


class NoSuchEntry(DispatchError):
    """There is no catalog entry with the id {id}, or it was deleted."""
