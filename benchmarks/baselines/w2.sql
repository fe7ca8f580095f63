-- A placed order, the charge it asks for, the attempts at it, and the events that came back.
CREATE TABLE order_placed (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    email TEXT NOT NULL,
    total_cents INTEGER NOT NULL
);
CREATE TABLE "order" (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    total_cents INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    receipt_url TEXT,
    status TEXT NOT NULL DEFAULT 'placed'
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
    lease_owner TEXT,
    lease_until TEXT,
    attempt INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX charge_order ON charge (order_id);
CREATE INDEX charge_external_id ON charge (external_id);
CREATE INDEX charge_due ON charge (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE attempt (
    id TEXT PRIMARY KEY,
    call_id TEXT NOT NULL REFERENCES charge (id),
    number INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    started_at TEXT NOT NULL,
    UNIQUE (call_id, number)
);
CREATE TABLE integration_event (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    entity_id TEXT,
    external_id TEXT NOT NULL,
    payload TEXT,
    UNIQUE (external_id, kind)
);
CREATE TABLE transition (
    id INTEGER PRIMARY KEY,
    record_id TEXT NOT NULL,
    property TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    event_id TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX transition_record ON transition (record_id);
