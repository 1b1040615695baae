CREATE TABLE cart_cart (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    status {text} NOT NULL CHECK (status IN ('open', 'frozen', 'completed')),
    currency {text} NOT NULL,
    email {text},
    -- Addresses are JSON, as the API takes them.
    shipping_address {text},
    billing_address {text},
    shipping_option_id {text},
    -- The order made of it; it stays when a declined payment opens the cart again.
    order_id {id},
    version {int} NOT NULL CHECK (version > 0),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
) {strict};

-- What is shown of a variant is copied, so that a line outlives the product.
CREATE TABLE cart_line (
    tenant_id {id} NOT NULL,
    cart_id {id} NOT NULL,
    id {id} NOT NULL,
    variant_id {id} NOT NULL,
    quantity {int} NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
    -- Lines are shown in the order in which they were added.
    place {int} NOT NULL,
    product_handle {text} NOT NULL,
    title {text} NOT NULL,
    variant_title {text} NOT NULL,
    sku {text},
    image {text},
    -- Minor units of the cart's currency when the line was last changed.
    unit_price {int} NOT NULL,
    PRIMARY KEY (tenant_id, cart_id, id),
    UNIQUE (tenant_id, cart_id, variant_id)
) {strict};
