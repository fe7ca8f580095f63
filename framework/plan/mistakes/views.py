"""The mistakes of views."""

from framework.errors import DeclarationError


class FilterMissing(DeclarationError):
    """{model} is a subclass of {base} and has neither a table nor a `where`. Say which records belong to it:
    `class {model}({base}, where=lambda record: ...)`.
    """


class ViewOfTwo(DeclarationError):
    """{model} is a view of {bases}. Make it one of {base}, and let its `where` say the rest."""


class FieldsOfAView(DeclarationError):
    """{model} is a view of {base} and has no columns of its own, but declares {added}. Declare that on
    {base}.
    """


class TwoViewsOneName(DeclarationError):
    """Two views of {source} are called {view}. Rename one."""


class MergedTwice(DeclarationError):
    """{model}.{relation} merges two relations to {source}, so a record could be in it twice. Merge relations
    to different classes.
    """


class NotAPartOf(DeclarationError):
    """{model}.{relation} takes of {source} those that belong to {view}, which is no view of {source} in this
    App. Name a filtered class of {source}, and add it to the App's modules.
    """
