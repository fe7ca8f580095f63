"""The workloads by hand on plain `sqlite3`: the rows that the framework writes, and nothing else."""

from benchmarks.baselines import aggregates, chains

CONTESTANTS = (*aggregates.CONTESTANTS, *chains.CONTESTANTS)
