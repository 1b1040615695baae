-- Only adds: rows are never copied, so that no table is rewritten while a shop is open.
ALTER TABLE orders_order ALTER COLUMN cart_id DROP NOT NULL;
ALTER TABLE orders_order ADD COLUMN customer_id {id};
-- The recipient, last name first, in lower case: what staff search by.
ALTER TABLE orders_order ADD COLUMN name_key {text};
ALTER TABLE orders_order ADD COLUMN note {text};
-- JSON lists; NULL where they are empty.
ALTER TABLE orders_order ADD COLUMN promotions {text};
ALTER TABLE orders_order ADD COLUMN taxes {text};
ALTER TABLE orders_order ADD COLUMN gift_card {int} NOT NULL DEFAULT 0 CHECK (gift_card >= 0);
-- NULL in orders placed before this: the whole total where paid_at is set, else nothing.
ALTER TABLE orders_order ADD COLUMN paid {int} CHECK (paid >= 0);
ALTER TABLE orders_order ADD COLUMN refunded {int} NOT NULL DEFAULT 0
    CHECK (refunded >= 0 AND refunded <= coalesce(paid, total));
-- JSON list of the attempts that paid; NULL where attempt_id alone did.
ALTER TABLE orders_order ADD COLUMN payers {text};
ALTER TABLE orders_order ADD COLUMN cancel_requested_at {int};
ALTER TABLE orders_order ADD COLUMN fulfilments {int} NOT NULL DEFAULT 0 CHECK (fulfilments >= 0);
ALTER TABLE orders_order ADD COLUMN returns {int} NOT NULL DEFAULT 0 CHECK (returns >= 0);
ALTER TABLE orders_order ADD COLUMN invoice_number {int} CHECK (invoice_number > 0);
ALTER TABLE orders_order ADD COLUMN invoiced_at {int}
    CHECK ((invoiced_at IS NULL) = (invoice_number IS NULL));

CREATE INDEX orders_order_status ON orders_order (tenant_id, status, placed_at, id);
CREATE INDEX orders_order_payment ON orders_order (tenant_id, payment_status, placed_at, id);
CREATE INDEX orders_order_fulfilment ON orders_order (tenant_id, fulfilment_status, placed_at, id);
CREATE INDEX orders_order_email ON orders_order (tenant_id, lower(email), placed_at, id);
CREATE INDEX orders_order_name ON orders_order (tenant_id, name_key, placed_at, id);
CREATE INDEX orders_order_customer ON orders_order (tenant_id, customer_id, placed_at, id)
    WHERE customer_id IS NOT NULL;
CREATE INDEX orders_order_test ON orders_order (tenant_id, placed_at, id) WHERE test = 1;
CREATE INDEX orders_order_canceling ON orders_order (tenant_id, waiting_since, id)
    WHERE cancel_requested_at IS NOT NULL AND status <> 'canceled';
CREATE UNIQUE INDEX orders_order_invoice ON orders_order (tenant_id, invoice_number)
    WHERE invoice_number IS NOT NULL;

-- `subtotal` stays net of the discount; before it, a line cost `subtotal + discount`.
ALTER TABLE orders_line ADD COLUMN discount {int} NOT NULL DEFAULT 0 CHECK (discount >= 0);
ALTER TABLE orders_line ADD COLUMN requires_shipping {int} NOT NULL DEFAULT 1
    CHECK (requires_shipping IN (0, 1));
ALTER TABLE orders_line ADD COLUMN grams {int} NOT NULL DEFAULT 0;
ALTER TABLE orders_line ADD COLUMN adjustments {text};
-- The return in whose exchange the line is sent; such lines stay out of the order's sums.
ALTER TABLE orders_line ADD COLUMN return_id {id};
ALTER TABLE orders_line ADD COLUMN fulfilled {int} NOT NULL DEFAULT 0
    CHECK (fulfilled >= 0 AND fulfilled <= quantity);
-- Units of returns that are announced, and units that came back.
ALTER TABLE orders_line ADD COLUMN returning_units {int} NOT NULL DEFAULT 0
    CHECK (returning_units >= 0);
ALTER TABLE orders_line ADD COLUMN returned {int} NOT NULL DEFAULT 0
    CHECK (returned >= 0 AND returned + returning_units <= fulfilled);
ALTER TABLE orders_line ADD COLUMN refunded {int} NOT NULL DEFAULT 0
    CHECK (refunded >= 0 AND refunded <= quantity);
CREATE INDEX orders_line_sku ON orders_line (tenant_id, sku, order_id) WHERE sku IS NOT NULL;

CREATE TABLE orders_fulfilment (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    id {id} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('packed', 'shipped', 'delivered', 'canceled')),
    location_id {id},
    lines {text} NOT NULL,
    taken {text} NOT NULL,
    tracking {text},
    created_at {int} NOT NULL,
    shipped_at {int},
    delivered_at {int},
    PRIMARY KEY (tenant_id, order_id, id)
) {strict};

CREATE TABLE orders_return (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    id {id} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('requested', 'received', 'refused', 'canceled')),
    lines {text} NOT NULL,
    exchange {text} NOT NULL,
    created_at {int} NOT NULL,
    closed_at {int},
    PRIMARY KEY (tenant_id, order_id, id),
    CHECK ((state = 'requested') = (closed_at IS NULL))
) {strict};

CREATE TABLE orders_refund (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    id {id} NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    lines {text} NOT NULL,
    reason {text},
    refunded_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, order_id, id)
) {strict};

CREATE TABLE orders_timeline (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    at {int} NOT NULL,
    id {id} NOT NULL,
    kind {text} NOT NULL,
    text {text} NOT NULL,
    actor {text} NOT NULL,
    PRIMARY KEY (tenant_id, order_id, at, id)
) {strict};

CREATE TABLE orders_invoice_block (
    tenant_id {id} NOT NULL PRIMARY KEY,
    next {int} NOT NULL CHECK (next > 0)
) {strict};
