"""From an integration's declarations to the handlers of each call class, and what is wrong between them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from framework.errors import DeclarationError
from framework.integration.handlers import API, CallHandlers, Inbound, Poll, SideEffect, Webhook
from framework.integration.policy import OnDoubt, Policy
from framework.integration.registration import Registration
from framework.model.apicall import APICall


class VerbTwice(DeclarationError):
    """Integration {integration} has two handlers for {verb} of {call}. Remove one of them."""


class CallAndSubmit(DeclarationError):
    """Integration {integration} has both `call` and `submit` for {call}. Keep `call` if the vendor's
    answer is the result, and `submit` if the outcome comes later."""


class NobodySends(DeclarationError):
    """Integration {integration} has `{verb}` for {call}, but nothing that sends it. Add `submit`."""


class SubmitWithoutEnd(DeclarationError):
    """Integration {integration} submits {call}, and nothing brings the outcome. Add a `poll`, a `webhook`, a
    `reconcile` or an `api` for it; or make it `call`, if the vendor's answer is the result."""


class PollWithoutSubmit(DeclarationError):
    """Integration {integration} polls for {call}, whose `call` brings the result at once. Make it `submit`,
    or remove the poll."""


class WebhookWithoutVerify(DeclarationError):
    """The webhook {path!r} of integration {integration} for {call} has no `verify`, so that anybody could say
    that a {call} is done. Give it a function that raises InvalidSignature."""


class InboundWithoutVerify(DeclarationError):
    """The inbound path {path!r} of integration {integration} has no `verify`, so that anybody could say what
    happened. Give it a function that raises InvalidSignature."""


class InboundTwice(DeclarationError):
    """Integration {integration} has two `inbound` handlers for the path {path!r}. Let one of them tell the
    kinds of deliveries apart.
    """


class BadWebhookPath(DeclarationError):
    """The webhook path {path!r} of integration {integration} must be relative, and of letters, digits, `-`,
    `_` and `.`, as "events" is."""


class BadAPIName(DeclarationError):
    """Integration {integration} has an `api` for {call} that is called {name!r}: the name is part of an
    address. Write it like_this."""


class TwoVerifiers(DeclarationError):
    """The webhook {path!r} of integration {integration} is verified in two ways. Use one function."""


class NoWayToRecover(DeclarationError):
    """Integration {integration} wants to recover a {call} in doubt, but has no `recover` for it. Add one, or
    choose another `on_doubt`."""


class ManifestContradicted(DeclarationError):
    """The manifest of integration {integration} says in_doubt = {stated!r}, but for {call} it is {actual!r}.
    Correct one of them."""


class CannotCancel(DeclarationError):
    """Integration {integration} has `cancel` for {call}, whose `call` is over at once. Remove it."""


@dataclass(frozen=True)
class Declarations:
    """All that an integration declared."""

    integration: str
    policy: Policy
    side_effects: Sequence[SideEffect]
    webhooks: Sequence[Webhook]
    polls: Sequence[Poll]
    apis: Sequence[API]
    inbounds: Sequence[Inbound] = ()
    others: Sequence[Registration] = ()
    in_doubt: OnDoubt | None = None


def assemble(declared: Declarations) -> Mapping[type[APICall], CallHandlers]:
    """The handlers of each call class, in the order of their declaration. Raises DeclarationError."""
    _check_webhooks(declared)
    return {call: _handlers(declared, call) for call in _calls(declared)}


def _calls(declared: Declarations) -> list[type[APICall]]:
    sent = [effect.record for effect in declared.side_effects if effect.execution]
    answered: Sequence[Webhook | Poll | API] = (*declared.webhooks, *declared.polls, *declared.apis)
    heard = [item.call for item in answered]
    others = [other.record for other in declared.others]
    calls = dict.fromkeys([*sent, *heard, *others])
    return [call for call in calls if call is not None and issubclass(call, APICall)]


def _handlers(declared: Declarations, call: type[APICall]) -> CallHandlers:
    found: list[tuple[str, Any]] = [
        *((effect.execution or "", effect.run) for effect in declared.side_effects if _sends(effect, call)),
        *(("poll", poll.look_up) for poll in declared.polls if poll.call is call),
        *((other.verb, other.function) for other in declared.others if other.record is call),
    ]
    webhooks = tuple(webhook for webhook in declared.webhooks if webhook.call is call)
    apis = tuple(api for api in declared.apis if api.call is call)
    names = [verb for verb, _ in found]
    repeated = [f"webhook {webhook.path!r}" for webhook in webhooks] + [f"api {api.name!r}" for api in apis]
    facts = {"integration": declared.integration, "call": call.__name__}
    for api in apis:
        if "/" in str(api.name) or not _is_path(api.name):
            raise BadAPIName(name=api.name, **facts)
    for verb in _twice([*names, *repeated]):
        raise VerbTwice(verb=verb, **facts)
    _check_together(names, has_webhook=bool(webhooks), facts=facts)
    policy = _settled(declared, "recover" in names, facts)
    if "submit" in names and not (webhooks or apis or {"poll", "reconcile"} & set(names)):
        raise SubmitWithoutEnd(**facts)
    return CallHandlers(policy=policy, webhooks=webhooks, apis=apis, **dict(found))


def _sends(effect: SideEffect, call: type[APICall]) -> bool:
    return effect.execution is not None and effect.record is call


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, n in Counter(names).items() if n > 1]


def _check_together(verbs: Sequence[str], *, has_webhook: bool, facts: Mapping[str, str]) -> None:
    if "call" in verbs and "submit" in verbs:
        raise CallAndSubmit(**facts)
    if "call" not in verbs and "submit" not in verbs:
        verb = verbs[0] if verbs else "webhook" if has_webhook else "api"
        raise NobodySends(verb=verb, **facts)
    if "call" in verbs and "poll" in verbs:
        raise PollWithoutSubmit(**facts)
    if "call" in verbs and "cancel" in verbs:
        raise CannotCancel(**facts)


def _settled(declared: Declarations, recovers: bool, facts: Mapping[str, str]) -> Policy:
    """The policy with `on_doubt` decided: what was said, or else what the handlers allow."""
    if declared.policy.on_doubt == "recover" and not recovers:
        raise NoWayToRecover(**facts)
    actual: OnDoubt = declared.policy.on_doubt or ("recover" if recovers else "fail")
    if declared.in_doubt not in (None, actual):
        raise ManifestContradicted(stated=declared.in_doubt, actual=actual, **facts)
    return replace(declared.policy, on_doubt=actual)


def _is_path(path: Any) -> bool:
    return isinstance(path, str) and re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", path, re.ASCII) is not None


def _check_webhooks(declared: Declarations) -> None:
    verifiers: dict[str, object] = {}
    hooks: list[Webhook | Inbound] = [*declared.webhooks, *declared.inbounds]
    for hook in hooks:
        facts = {"integration": declared.integration, "path": hook.path}
        if not _is_path(hook.path):
            raise BadWebhookPath(**facts)
        if hook.verify is None and isinstance(hook, Webhook):
            raise WebhookWithoutVerify(call=hook.call.__name__, **facts)
        if hook.verify is None:
            raise InboundWithoutVerify(**facts)
        if verifiers.setdefault(hook.path, hook.verify) is not hook.verify:
            raise TwoVerifiers(**facts)
    for path in _twice(inbound.path for inbound in declared.inbounds):
        raise InboundTwice(integration=declared.integration, path=path)
