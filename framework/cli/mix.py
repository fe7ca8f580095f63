"""The mix of faults that `--faults` stands for."""

from framework.testing.faults import Faults

MIX = Faults(
    seed=7,
    delay=0.02,
    throttle=0.08,
    error_after_success=0.08,
    drop_after_acceptance=0.08,
    early_webhooks=0.15,
    duplicate_webhooks=0.25,
    reorder_webhooks=0.15,
    lost_webhooks=0.15,
)
"""One request in four goes wrong, and half of the webhooks do; the same ones in every run."""
