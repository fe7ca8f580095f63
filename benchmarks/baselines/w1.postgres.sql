-- w1.sql for PostgreSQL: the types that the framework chooses there.
CREATE TABLE customer (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    order_count BIGINT NOT NULL DEFAULT 0,
    orders_total BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE "order" (
    id UUID PRIMARY KEY,
    customer_id UUID NOT NULL REFERENCES customer (id),
    item_count BIGINT NOT NULL DEFAULT 0,
    item_total BIGINT NOT NULL DEFAULT 0,
    item_average DOUBLE PRECISION,
    done_count BIGINT NOT NULL DEFAULT 0,
    all_done BOOLEAN NOT NULL DEFAULT true,
    any_done BOOLEAN NOT NULL DEFAULT false
);
CREATE INDEX order_customer ON "order" (customer_id);
CREATE TABLE item (
    id UUID PRIMARY KEY,
    order_id UUID NOT NULL REFERENCES "order" (id),
    price_cents BIGINT NOT NULL,
    done BOOLEAN NOT NULL
);
CREATE INDEX item_order ON item (order_id);
CREATE TABLE totals (id INTEGER PRIMARY KEY, revenue BIGINT NOT NULL DEFAULT 0);
