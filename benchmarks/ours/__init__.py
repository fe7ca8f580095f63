"""The workloads on Millrace: the same rows, declared."""

from benchmarks.ours import aggregates, chains

CONTESTANTS = (*aggregates.CONTESTANTS, *chains.CONTESTANTS)
