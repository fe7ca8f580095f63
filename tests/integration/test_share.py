"""The shares of all workers together are what the policy allows for."""

from datetime import UTC, datetime, timedelta
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from framework.integration import Policy, Rate
from framework.integration.gate import Gate
from framework.integration.share import Crew, Share, share, whole

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

rates = st.builds(Rate, st.floats(0.01, 1e4), st.integers(1, 40))
policies = st.builds(Policy, concurrency=st.integers(1, 40), rate=st.none() | rates)


def shares(policy: Policy, workers: int) -> list[Share]:
    return [share(policy, place, workers) for place in range(workers)]


@given(policy=policies, workers=st.integers(1, 60))
def test_all_shares_together_are_the_policy(policy: Policy, workers: int) -> None:
    all_of_them = shares(policy, workers)
    assert sum(one.concurrency for one in all_of_them) == policy.concurrency
    calling = [one.rate for one in all_of_them if one.concurrency]
    if policy.rate is None:
        assert set(calling) == {None}
    else:
        found = [rate for rate in calling if rate is not None]
        assert sum(rate.burst for rate in found) == policy.rate.burst
        assert isclose(sum(rate.per_second for rate in found), policy.rate.per_second)


@given(policy=policies, workers=st.integers(1, 60))
def test_no_share_is_much_larger_than_another_and_who_has_a_place_has_a_whole_token(
    policy: Policy, workers: int
) -> None:
    calling = [one for one in shares(policy, workers) if one.concurrency]
    assert max(one.concurrency for one in calling) - min(one.concurrency for one in calling) <= 1
    assert all(one.rate is None or one.rate.burst >= 1 for one in calling)
    assert len(calling) == min(workers, policy.concurrency, policy.rate.burst if policy.rate else workers)


@given(policy=policies)
def test_who_is_alone_has_the_whole(policy: Policy) -> None:
    assert share(policy, 0, 1) == whole(policy)


def test_the_first_have_the_rest_and_who_has_no_place_has_a_rate_for_users() -> None:
    policy = Policy(concurrency=5, rate=Rate(12, burst=3))
    assert shares(policy, 4) == [
        Share(2, Rate(4)),
        Share(2, Rate(4)),
        Share(1, Rate(4)),
        Share(0, Rate(3)),
    ]


@given(
    tokens=st.frozensets(st.integers(0, 2**31 - 1).map(lambda bits: f"{bits:08x}"), min_size=1, max_size=20),
    name=st.text(max_size=8),
)
def test_all_find_the_same_order(tokens: frozenset[str], name: str) -> None:
    places = [Crew(token, tokens, max(tokens)).place(name) for token in tokens]
    assert sorted(places) == list(range(len(tokens)))
    led = {token: Crew(token, tokens, max(tokens)).place(name, leader_first=True) for token in tokens}
    assert sorted(led.values()) == list(range(len(tokens)))
    assert led[max(tokens)] == 0


def test_what_only_one_can_have_is_not_with_one_worker_for_all_integrations() -> None:
    tokens = frozenset({"00000001", "00000002", "00000003"})
    first = {
        min(tokens, key=lambda token: Crew(token, tokens).place(name))
        for name in ("acme", "office", "bell", "stripe", "deepl", "slack")
    }
    assert len(first) > 1


steps = st.lists(
    st.one_of(st.just("join"), st.just("leave"), st.timedeltas(timedelta(0), timedelta(seconds=3))),
    max_size=60,
)


@given(
    policy=st.builds(
        Policy, concurrency=st.integers(1, 8), rate=st.builds(Rate, st.floats(0.1, 20), st.integers(1, 8))
    ),
    steps=steps,
)
def test_whoever_joins_and_leaves_no_more_calls_start_than_the_rate_allows_for(
    policy: Policy, steps: list[timedelta | str]
) -> None:
    now, made, gates, started = NOON, 1, {"0": Gate("acme", policy)}, 0
    assert policy.rate is not None
    for step in steps:
        match step:
            case timedelta():
                now += step
            case "join":
                gates[str(made)], made = Gate("acme", policy), made + 1
            case _ if len(gates) > 1:
                del gates[min(gates)]
        for token, gate in gates.items():
            place = Crew(token, frozenset(gates)).place("acme")
            is_new = step == "join" and token == str(made - 1)
            gate.divide(share(policy, place, len(gates)), now, is_new=is_new)
        for gate in gates.values():
            places = gate.room(now).places
            gate.enter(places, now)
            started += places
            for _ in range(places):
                gate.leave(None, now, probe=False)
    allowed = policy.rate.burst + policy.rate.per_second * (now - NOON).total_seconds()
    assert started <= allowed + 1e-6
