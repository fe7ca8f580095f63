"""The cases of the contract, and by which rule of its manifest an integration may be exempt from one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from framework.errors import DeclarationError
from framework.integration.handlers import CallHandlers
from framework.integration.integration import Integration
from framework.testing.contract.subject import Subject


class Unexplained(DeclarationError):
    """{subject} cannot be judged by "{case}". Give it what is missing, or the reason in its manifest:
    {rule} = {{ status = "exempt", reason = "..." }}
    """


class ExemptInVain(DeclarationError):
    """The manifest of {subject} exempts it from {rule}, but it has what it takes. Strike the exemption."""


@dataclass(frozen=True)
class Case:
    """One promise of the contract, and the rules that may exempt from it, the most general first."""

    name: str
    promise: str
    rules: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


CAPABILITIES: dict[str, Callable[[Subject, CallHandlers], bool]] = {
    "signed_webhooks": lambda subject, handlers: bool(handlers.webhooks),
    "polling": lambda subject, handlers: handlers.poll is not None,
    "unknown_statuses": lambda subject, handlers: subject.unknown_status is not None,
    "contradicting_webhooks": lambda subject, handlers: subject.contradicted is not None,
}
"""What can be seen without asking the manifest: these rules are exempt if, and only if, they do not apply."""

WEBHOOKS = ("signed_webhooks",)

ORDER = Case("order", "every call sees initialized, processing and its end, in this order")
REFUSED = Case("refused", "what the vendor refuses fails at once, with a reason, and is not tried again")
RENAMED = Case("renamed", "other names of calls and fields are served by mapping functions")
IDEMPOTENT = Case("idempotent", "a call that is run twice has one effect", ("idempotency",))
RACE = Case("race", "two workers racing for the same calls carry out each of them once")
CRASH = Case("crash", "a crash at any instant loses no call")
ONE_EFFECT = Case(
    "one effect",
    "a crash or a lost answer leads to no second effect; what is unknown is left to the operator",
    ("one_effect",),
)
UNREACHABLE = Case("unreachable", "what was never sent is tried again, and is in no doubt")
THROTTLED = Case("throttled", "a vendor that asks to wait is waited for, and nothing is lost")
BROKEN = Case("broken", "answers that make no sense break no handler and decide nothing by themselves")
CREDENTIALS = Case("credentials", "wrong credentials pause the integration, and no call is lost")
FIELDS = Case("new fields", "fields that nobody knows yet are ignored")
FIELDS_HEARD = Case("new fields heard", "fields of webhooks that nobody knows yet are ignored", WEBHOOKS)
STATUSES = Case("new statuses", "statuses that nobody knows yet are no failure", ("unknown_statuses",))
HOSTS = Case("hosts", "a host outside the manifest is not reached, by redirects neither")
SECRETS = Case("secrets", "no secret is in a log, a record or an error")
DUPLICATES = Case("duplicates", "a webhook that comes twice changes nothing", WEBHOOKS)
EARLY = Case("early", "a webhook that comes before the answer to its call is not lost", WEBHOOKS)
REORDERED = Case("reordered", "webhooks in any order lead to the same end", WEBHOOKS)
LATE = Case("late", "a webhook that comes after the end changes nothing", WEBHOOKS)
CONFLICTS = Case(
    "conflicts",
    "a webhook that contradicts the end is kept, and changes nothing",
    (*WEBHOOKS, "contradicting_webhooks"),
)
SILENCE = Case("silence", "a call comes to its end although no webhook comes", (*WEBHOOKS, "polling"))
FORGED = Case(
    "forged", "a webhook that is not signed by the vendor moves nothing and is answered 401", WEBHOOKS
)
STALE = Case(
    "stale", "old and future signatures count no more and not yet", (*WEBHOOKS, "timestamped_webhooks")
)
ROTATED = Case(
    "rotated",
    "while a secret is rotated both count, afterwards only the new one",
    (*WEBHOOKS, "rotated_secrets"),
)
UNPROVEN = Case(
    "unproven", "with no secret no webhook is believed; the vendor is told to come again", WEBHOOKS
)
MALFORMED = Case("malformed", "a signed webhook that cannot be read is answered 4xx or ignored", WEBHOOKS)
LARGE = Case("large", "a webhook of 2 MiB is refused with 413", WEBHOOKS)

CASES = (
    ORDER,
    REFUSED,
    RENAMED,
    IDEMPOTENT,
    RACE,
    CRASH,
    ONE_EFFECT,
    UNREACHABLE,
    THROTTLED,
    BROKEN,
    CREDENTIALS,
    FIELDS,
    FIELDS_HEARD,
    STATUSES,
    HOSTS,
    SECRETS,
    DUPLICATES,
    EARLY,
    REORDERED,
    LATE,
    CONFLICTS,
    SILENCE,
    FORGED,
    STALE,
    ROTATED,
    UNPROVEN,
    MALFORMED,
    LARGE,
)


def exemption(
    case: Case, subject: Subject, integration: Integration[Any], handlers: CallHandlers
) -> str | None:
    """Why the case does not apply to the subject, in the words of its manifest; None if it does.

    Raises Unexplained where it cannot apply and the manifest does not say why, and ExemptInVain where the
    manifest excuses what is there.
    """
    for rule in case.rules:
        reason = exempt_by(rule, subject, integration)
        able = CAPABILITIES.get(rule)
        if able is not None and able(subject, handlers) is (reason is not None):
            if reason is None:
                raise Unexplained(subject=subject, case=case.promise, rule=rule)
            raise ExemptInVain(subject=subject, rule=rule)
        if reason is not None:
            return reason
    return None


def exempt_by(rule: str, subject: Subject, integration: Integration[Any]) -> str | None:
    """The reason that the manifest gives for not keeping a rule, in this part or at all."""
    quality = integration.manifest.quality if integration.manifest else None
    rules = quality.rules if quality else {}
    for name in (f"{rule}_of_{subject.part}", rule) if subject.part else (rule,):
        if name in rules:
            return rules[name].reason if rules[name].status == "exempt" else None
    return None
