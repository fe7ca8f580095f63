-- An order with items, under a customer, and one row of totals over all orders.
CREATE TABLE customer (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    order_count INTEGER NOT NULL DEFAULT 0,
    orders_total INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE "order" (
    id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customer (id),
    item_count INTEGER NOT NULL DEFAULT 0,
    item_total INTEGER NOT NULL DEFAULT 0,
    item_average REAL,
    done_count INTEGER NOT NULL DEFAULT 0,
    all_done INTEGER NOT NULL DEFAULT 1,
    any_done INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX order_customer ON "order" (customer_id);
CREATE TABLE item (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES "order" (id),
    price_cents INTEGER NOT NULL,
    done INTEGER NOT NULL
);
CREATE INDEX item_order ON item (order_id);
CREATE TABLE totals (id INTEGER PRIMARY KEY, revenue INTEGER NOT NULL DEFAULT 0);
