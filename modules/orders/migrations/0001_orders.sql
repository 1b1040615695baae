CREATE TABLE orders_order (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    number {int} NOT NULL CHECK (number > 0),
    cart_id {id} NOT NULL,
    status {text} NOT NULL CHECK (status IN
        ('draft', 'pending', 'completed', 'archived', 'canceled', 'requires_action')),
    payment_status {text} NOT NULL CHECK (payment_status IN
        ('pending', 'authorized', 'partially_paid', 'paid', 'partially_refunded', 'refunded',
         'voided', 'expired')),
    fulfilment_status {text} NOT NULL CHECK (fulfilment_status IN
        ('not_fulfilled', 'partially_fulfilled', 'fulfilled', 'partially_shipped', 'shipped',
         'partially_delivered', 'delivered', 'canceled')),
    email {text} NOT NULL,
    shipping_address {text},
    billing_address {text},
    shipping_option {text},
    currency {text} NOT NULL,
    subtotal {int} NOT NULL CHECK (subtotal >= 0),
    discount {int} NOT NULL CHECK (discount >= 0),
    shipping {int} NOT NULL CHECK (shipping >= 0),
    tax {int} NOT NULL CHECK (tax >= 0),
    total {int} NOT NULL CHECK (total >= 0),
    tax_inclusive {int} NOT NULL CHECK (tax_inclusive IN (0, 1)),
    test {int} NOT NULL CHECK (test IN (0, 1)),
    placed_at {int} NOT NULL,
    waiting_since {int} NOT NULL,
    paid_at {int},
    canceled_at {int},
    reason {text},
    attempt_id {id},
    updated_at {int} NOT NULL,
    version {int} NOT NULL CHECK (version > 0),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, number),
    UNIQUE (tenant_id, cart_id),
    CHECK (subtotal + shipping + tax - discount = total),
    CHECK (payment_status <> 'paid' OR (paid_at IS NOT NULL AND attempt_id IS NOT NULL)),
    CHECK ((status = 'canceled') = (canceled_at IS NOT NULL)),
    CHECK (status <> 'canceled' OR payment_status NOT IN ('authorized', 'partially_paid', 'paid'))
) {strict};
CREATE INDEX orders_order_placed ON orders_order (tenant_id, placed_at, id);
CREATE INDEX orders_order_waiting ON orders_order (tenant_id, waiting_since, id)
    WHERE payment_status = 'pending' AND status IN ('pending', 'requires_action');

CREATE TABLE orders_line (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    position {int} NOT NULL CHECK (position >= 0),
    id {id} NOT NULL,
    variant_id {id} NOT NULL,
    product_id {id} NOT NULL,
    title {text} NOT NULL,
    variant_title {text} NOT NULL,
    sku {text},
    image {text},
    quantity {int} NOT NULL CHECK (quantity > 0),
    unit_price {int} NOT NULL CHECK (unit_price >= 0),
    subtotal {int} NOT NULL CHECK (subtotal >= 0),
    tax {int} NOT NULL CHECK (tax >= 0),
    total {int} NOT NULL,
    PRIMARY KEY (tenant_id, order_id, position),
    CHECK (subtotal + tax = total)
) {strict};

CREATE TABLE orders_number_block (
    tenant_id {id} NOT NULL PRIMARY KEY,
    next {int} NOT NULL CHECK (next > 0)
) {strict};
