-- Codes as the shopper typed them, a JSON list.
ALTER TABLE cart_cart ADD COLUMN coupons {text} NOT NULL DEFAULT '[]';
ALTER TABLE cart_cart ADD COLUMN note {text};
ALTER TABLE cart_cart ADD COLUMN customer_id {id};
-- Units that found no room when a guest's cart joined this one, until seen: a JSON list.
ALTER TABLE cart_cart ADD COLUMN left_out {text} NOT NULL DEFAULT '[]';
-- When it was told that the cart had been left behind.
ALTER TABLE cart_cart ADD COLUMN abandoned_at {int};
-- When the sweep looks at the cart next; NULL never. Changes of the cart seldom move it, so that
-- they write no index: the sweep finds out by itself how long nobody touched it. Carts from before
-- this column are looked at once, at 0.
ALTER TABLE cart_cart ADD COLUMN look_at {int} DEFAULT 0;

CREATE INDEX cart_cart_look ON cart_cart (tenant_id, look_at) WHERE look_at IS NOT NULL;

-- The cart that a customer last used: one row per customer, whose lock orders their sign-ins.
CREATE TABLE cart_customer (
    tenant_id {id} NOT NULL,
    customer_id {id} NOT NULL,
    cart_id {id} NOT NULL,
    PRIMARY KEY (tenant_id, customer_id)
) {strict};
