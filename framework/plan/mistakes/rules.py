"""The mistakes of rules."""

from framework.errors import DeclarationError


class UntypedRule(DeclarationError):
    """The rule {rule} needs one parameter and a return type that name record classes, such as `(order: Order)
    -> Charge | None`, and may take a Global after its record; it has {signature}.
    """


class UnfollowableRule(DeclarationError):
    """The rule {rule} hands its record to code that cannot be followed ({reason}). Say what it reads, beside
    all facts: `@derive(reads=[{model}.property, ...])`.
    """


class RuleFeedsWrongKind(DeclarationError):
    """The rule {rule} makes {target} from {source}, but {reason}"""


class UndeclaredRuleRead(DeclarationError):
    """The rule {rule} reads the computed property {model}.{field}. Declare it:
    `@derive(reads=[{model}.{field}])`.
    """


class TwoRulesOneName(DeclarationError):
    """Two rules of this App are called {rule}. Rename one: records remember the rule that made them by its
    name.
    """
