"""The workloads on Millrace: the same rows, declared."""

from benchmarks.ours import aggregates

CONTESTANTS = (*aggregates.CONTESTANTS,)
