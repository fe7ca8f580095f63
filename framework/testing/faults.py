"""What goes wrong between a vendor and its client, decided by a seed so that every run can be repeated."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """One way in which the outside world misbehaves; each is also the name of a rate in `Faults`."""

    THROTTLE = "throttle"
    """The request is answered 429 with `Retry-After`, and nothing is done."""
    ERROR_AFTER_SUCCESS = "error_after_success"
    """The work is done, the answer is 500."""
    DROP_AFTER_ACCEPTANCE = "drop_after_acceptance"
    """The work is done, the connection closes without an answer."""
    EARLY_WEBHOOKS = "early_webhooks"
    """The webhooks of a request arrive before its answer."""
    DUPLICATE_WEBHOOKS = "duplicate_webhooks"
    """The webhook is delivered twice, byte for byte."""
    REORDER_WEBHOOKS = "reorder_webhooks"
    """The webhook is overtaken by the one after it."""
    LOST_WEBHOOKS = "lost_webhooks"
    """The webhook is never delivered."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How often each fault strikes, from 0 (never) to 1 (always), and what belongs to it.

    `delay` holds back every answer by so many seconds; `retry_after` is what a throttled answer asks for.
    """

    seed: int = 0
    delay: float = 0.0
    retry_after: int = 1
    throttle: float = 0.0
    error_after_success: float = 0.0
    drop_after_acceptance: float = 0.0
    early_webhooks: float = 0.0
    duplicate_webhooks: float = 0.0
    reorder_webhooks: float = 0.0
    lost_webhooks: float = 0.0

    def __post_init__(self) -> None:
        for fault in Fault:
            if not 0 <= self.rate(fault) <= 1:
                raise ValueError(f"{fault} is a rate from 0 to 1, not {self.rate(fault)}")
        if self.delay < 0 or self.retry_after < 0:
            raise ValueError("delay and retry_after are seconds, 0 or more")

    def rate(self, fault: Fault) -> float:
        return float(getattr(self, fault))

    def strikes(self, fault: Fault, nth: int) -> bool:
        """Whether this fault strikes the nth request or webhook.

        It depends on the seed, the fault and `nth` alone, so changing one rate moves no other fault.
        """
        rate = self.rate(fault)
        return rate > 0 and Random(f"{self.seed}:{fault}:{nth}").random() < rate


class Fate:
    """Decides whether a fault strikes: first what was asked for by name, then what the rates say.

    `struck` counts how often each did.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.struck: Counter[Fault] = Counter()
        self._asked: Counter[Fault] = Counter()

    def fail_next(self, fault: Fault) -> None:
        self._asked[fault] += 1

    def strikes(self, fault: Fault, nth: int) -> bool:
        if self._asked[fault]:
            self._asked[fault] -= 1
        elif not self.faults.strikes(fault, nth):
            return False
        self.struck[fault] += 1
        return True
