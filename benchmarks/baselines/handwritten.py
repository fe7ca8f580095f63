"""The workloads by hand on the plain driver: the rows that the framework writes, and nothing else."""

from benchmarks.baselines import aggregates, aggregates_postgres, chains, chains_postgres

CONTESTANTS = (
    *aggregates.CONTESTANTS,
    *chains.CONTESTANTS,
    *aggregates_postgres.CONTESTANTS,
    *chains_postgres.CONTESTANTS,
)
