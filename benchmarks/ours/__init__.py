"""The workloads on Millrace: the same rows, declared."""

from benchmarks.ours import aggregates, calls, chains

CONTESTANTS = (*aggregates.CONTESTANTS, *chains.CONTESTANTS, *calls.CONTESTANTS)
