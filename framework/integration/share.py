"""Shares: what a policy allows for, divided among the workers of a database.

Places and tokens are handed out whole, so that the shares together are the policy, neither more nor less. An
integration that has fewer of either than there are workers is worked for by as many of them as it has.
"""

from dataclasses import dataclass
from zlib import crc32

from framework.integration.policy import Policy, Rate


@dataclass(frozen=True)
class Crew:
    """The workers of a database by their tokens: this one, all of them, and who leads, if that is known."""

    own: str
    workers: frozenset[str]
    leader: str | None = None

    def place(self, integration: str, *, leader_first: bool = False) -> int:
        """This worker's place among all of them, from 0. All find the same order, and another one for each
        integration: whatever only one can have is not with the same worker for all of them.
        """

        def order(token: str) -> tuple[bool, int, str]:
            return (
                not (leader_first and token == self.leader),
                crc32(f"{integration} {token}".encode()),
                token,
            )

        return sum(order(token) < order(self.own) for token in self.workers)


@dataclass(frozen=True)
class Share:
    """What one worker may do at a vendor: so many calls at once, none if it is 0, and so often."""

    concurrency: int
    rate: Rate | None


def whole(policy: Policy) -> Share:
    """The share of somebody who is alone."""
    return Share(policy.concurrency, policy.rate)


def share(policy: Policy, place: int, workers: int) -> Share:
    """The share of the one in this place, from 0, of so many.

    Who has no place for a call has a rate still, for the requests of users, which wait for no place.
    """
    rate = policy.rate
    sharing = min(workers, policy.concurrency, workers if rate is None else rate.burst)
    if place >= sharing:
        return Share(0, None if rate is None else Rate(rate.per_second / workers))
    return Share(
        _part(policy.concurrency, place, sharing),
        None if rate is None else Rate(rate.per_second / sharing, _part(rate.burst, place, sharing)),
    )


def _part(number: int, place: int, of: int) -> int:
    """What the one in this place gets of a number of which each gets as much, and the first the rest."""
    return number // of + (place < number % of)
