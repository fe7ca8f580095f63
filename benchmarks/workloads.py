"""What is measured, and what it must cost."""

from benchmarks.contest import Workload

OURS = "millrace"
BY_HAND = "by hand (sqlite3)"
BY_HAND_POSTGRES = "by hand (psycopg)"
ANCESTOR = "interaqt 4.10"
LOOP = "bare loop, httpx"
LOOP_AIOHTTP = "bare loop, httpx on aiohttp"

WORKLOADS = (
    Workload(
        name="W1",
        title="an item created, updated or deleted in its own transaction, with eight aggregates above it",
        settings="SQLite WAL, synchronous=NORMAL; transactions a second",
        subject=OURS,
        targets={ANCESTOR: 30, BY_HAND: 0.5},
    ),
    Workload(
        name="W1-grown",
        title="W1 with 10,000 items under the one order",
        settings="SQLite WAL, synchronous=NORMAL; transactions a second",
        subject=f"{OURS}, 10,000 items",
        targets={f"{OURS}, 10 items": 0.9},
    ),
    Workload(
        name="W1-million",
        title="W1 with 1,000,000 items of other orders in the table",
        settings="SQLite WAL, synchronous=NORMAL; transactions a second",
        subject=f"{OURS}, 1,000,000 items",
        targets={f"{OURS}, empty": 0.9},
    ),
    Workload(
        name="W1-postgres",
        title="W1, 16 at a time, each with an order and a customer of its own; the one Global is everybody's",
        settings="PostgreSQL, synchronous_commit=on; transactions a second",
        subject=OURS,
        targets={ANCESTOR: 12, BY_HAND_POSTGRES: 0.5},
    ),
    Workload(
        name="W2",
        title="fact, derived call, claim, three integration events, derived business property; one at a time",
        settings="SQLite WAL, synchronous=NORMAL; chains a second",
        subject=OURS,
        targets={ANCESTOR: 15, BY_HAND: 0.45},
    ),
    Workload(
        name="W2-full",
        title="W2, 16 at a time with group commit",
        settings="SQLite WAL, synchronous=FULL; chains a second",
        subject=OURS,
        targets={ANCESTOR: 15},
    ),
    Workload(
        name="W2-grown",
        title="W2 with 100,000 calls present",
        settings="SQLite WAL, synchronous=NORMAL; chains a second",
        subject=f"{OURS}, 100,000 calls",
        targets={f"{OURS}, empty": 0.95},
    ),
    Workload(
        name="W2-postgres",
        title="W2, 16 at a time, three transactions a chain",
        settings="PostgreSQL, synchronous_commit=on; chains a second",
        subject=OURS,
        targets={ANCESTOR: 8, BY_HAND_POSTGRES: 0.5},
    ),
    Workload(
        name="W3",
        title="W2 with real HTTP to a sandbox in another process, 16 at a time",
        settings="SQLite WAL, synchronous=FULL; calls a second",
        subject=OURS,
        targets={ANCESTOR: 5, LOOP: 0.6, LOOP_AIOHTTP: 0.6},
    ),
    Workload(
        name="W3-postgres",
        title="W3 on PostgreSQL",
        settings="PostgreSQL, synchronous_commit=on; calls a second",
        subject=OURS,
        targets={},
    ),
    Workload(
        name="bulk",
        title="facts with aggregates, all in one transaction",
        settings="SQLite WAL, synchronous=NORMAL; facts a second",
        subject=OURS,
        targets={BY_HAND: 0.5},
    ),
    Workload(
        name="bulk-file",
        title="facts with aggregates from a file of JSON lines, with a progress bar, 10,000 a transaction",
        settings="SQLite WAL, synchronous=NORMAL; facts a second",
        subject=OURS,
        targets={BY_HAND: 0.5},
    ),
)
