-- w2.sql for PostgreSQL: the types that the framework chooses there.
CREATE TABLE order_placed (
    id UUID PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    email TEXT NOT NULL,
    total_cents BIGINT NOT NULL,
    actor TEXT
);
CREATE TABLE "order" (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL,
    total_cents BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    receipt_url TEXT,
    status TEXT NOT NULL DEFAULT 'placed',
    made_by TEXT UNIQUE
);
CREATE TABLE charge (
    id UUID PRIMARY KEY,
    order_id UUID NOT NULL REFERENCES "order" (id),
    request JSON NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    external_id TEXT,
    result JSON,
    error TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ,
    due_at TIMESTAMPTZ,
    leased_until TIMESTAMPTZ,
    attempt BIGINT NOT NULL DEFAULT 0,
    burned BIGINT NOT NULL DEFAULT 0,
    polls BIGINT NOT NULL DEFAULT 0,
    generation BIGINT NOT NULL DEFAULT 0,
    first_tried_at TIMESTAMPTZ,
    deadline_at TIMESTAMPTZ,
    ordering_key TEXT,
    dead BOOLEAN NOT NULL DEFAULT false,
    replay_of UUID,
    has_receipt BOOLEAN NOT NULL DEFAULT false,
    made_by TEXT UNIQUE
);
CREATE INDEX charge_order ON charge (order_id, has_receipt);
CREATE INDEX charge_external_id ON charge (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX charge_due ON charge (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX charge_dead ON charge (dead) WHERE dead;
CREATE INDEX charge_waiting ON charge (ordering_key, created_at) WHERE ordering_key IS NOT NULL AND due_at IS NOT NULL;
CREATE INDEX charge_under_way ON charge (ordering_key) WHERE ordering_key IS NOT NULL AND leased_until IS NOT NULL;
CREATE TABLE attempt (
    call_id UUID NOT NULL,
    number BIGINT NOT NULL,
    verb TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    worker TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    doubtful BOOLEAN NOT NULL,
    error TEXT,
    code TEXT,
    PRIMARY KEY (call_id, number)
);
CREATE TABLE integration_event (
    id UUID PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    integration TEXT NOT NULL,
    call_type TEXT NOT NULL,
    kind TEXT NOT NULL,
    external_id TEXT NOT NULL,
    entity_id UUID,
    call_id UUID,
    standing TEXT NOT NULL,
    source TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    code TEXT,
    detail TEXT,
    result JSON,
    occurred_at TIMESTAMPTZ,
    actor TEXT,
    UNIQUE (call_type, dedupe_key)
);
CREATE INDEX integration_event_call ON integration_event (call_id);
CREATE INDEX integration_event_orphan ON integration_event (at) WHERE standing = 'orphan';
CREATE INDEX integration_event_external_id ON integration_event (external_id) WHERE standing = 'orphan';
CREATE TABLE transition (
    position BIGSERIAL PRIMARY KEY,
    machine TEXT NOT NULL,
    record_id UUID NOT NULL,
    "trigger" TEXT NOT NULL,
    cause_id UUID NOT NULL,
    source TEXT NOT NULL,
    target TEXT,
    entered TEXT,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX transition_record ON transition (record_id, machine, position);
CREATE INDEX transition_unmatched ON transition (machine, source, "trigger") WHERE target IS NULL;
