-- A placed order, the charge it asks for, the attempts at it, and the events that came back: the columns and the
-- indexes that the framework keeps.
CREATE TABLE order_placed (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    email TEXT NOT NULL,
    total_cents INTEGER NOT NULL,
    actor TEXT
);
CREATE TABLE "order" (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    total_cents INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    receipt_url TEXT,
    status TEXT NOT NULL DEFAULT 'placed',
    made_by TEXT UNIQUE
);
CREATE TABLE charge (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES "order" (id),
    request TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    external_id TEXT,
    result TEXT,
    error TEXT,
    created_at TEXT NOT NULL,
    completed_at TEXT,
    due_at TEXT,
    leased_until TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    burned INTEGER NOT NULL DEFAULT 0,
    polls INTEGER NOT NULL DEFAULT 0,
    generation INTEGER NOT NULL DEFAULT 0,
    first_tried_at TEXT,
    deadline_at TEXT,
    ordering_key TEXT,
    dead INTEGER NOT NULL DEFAULT 0,
    replay_of TEXT,
    has_receipt INTEGER NOT NULL DEFAULT 0,
    made_by TEXT UNIQUE
);
CREATE INDEX charge_order ON charge (order_id, has_receipt);
CREATE INDEX charge_external_id ON charge (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX charge_due ON charge (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX charge_dead ON charge (dead) WHERE dead;
CREATE INDEX charge_waiting ON charge (ordering_key, created_at) WHERE ordering_key IS NOT NULL AND due_at IS NOT NULL;
CREATE INDEX charge_under_way ON charge (ordering_key) WHERE ordering_key IS NOT NULL AND leased_until IS NOT NULL;
CREATE TABLE attempt (
    call_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    verb TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    worker TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    doubtful INTEGER NOT NULL,
    error TEXT,
    code TEXT,
    PRIMARY KEY (call_id, number)
);
CREATE TABLE integration_event (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    integration TEXT NOT NULL,
    call_type TEXT NOT NULL,
    kind TEXT NOT NULL,
    external_id TEXT NOT NULL,
    entity_id TEXT,
    call_id TEXT,
    standing TEXT NOT NULL,
    source TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    code TEXT,
    detail TEXT,
    result TEXT,
    occurred_at TEXT,
    actor TEXT,
    UNIQUE (call_type, dedupe_key)
);
CREATE INDEX integration_event_call ON integration_event (call_id);
CREATE INDEX integration_event_orphan ON integration_event (at) WHERE standing = 'orphan';
CREATE INDEX integration_event_external_id ON integration_event (external_id) WHERE standing = 'orphan';
CREATE TABLE transition (
    position INTEGER PRIMARY KEY,
    machine TEXT NOT NULL,
    record_id TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    cause_id TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT,
    entered TEXT,
    at TEXT NOT NULL
);
CREATE INDEX transition_record ON transition (record_id, machine, position);
CREATE INDEX transition_unmatched ON transition (machine, source, "trigger") WHERE target IS NULL;
