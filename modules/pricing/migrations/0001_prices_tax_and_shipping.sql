CREATE TABLE pricing_price (
    tenant_id {id} NOT NULL,
    variant_id {id} NOT NULL,
    currency {text} NOT NULL CHECK (length(currency) = 3),
    amount {int} NOT NULL CHECK (amount >= 0),
    compare_at {int} CHECK (compare_at IS NULL OR compare_at > amount),
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, variant_id, currency)
) {strict};

-- Tax and shipping have a version each: a merchant who edits one does not disturb the other.
CREATE TABLE pricing_settings (
    tenant_id {id} NOT NULL,
    currency {text} NOT NULL CHECK (length(currency) = 3),
    tax_ppm {int} NOT NULL CHECK (tax_ppm BETWEEN 0 AND 1000000),
    tax_inclusive {int} NOT NULL CHECK (tax_inclusive IN (0, 1)),
    tax_version {int} NOT NULL CHECK (tax_version >= 1),
    shipping_version {int} NOT NULL CHECK (shipping_version >= 1),
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id)
) {strict};

CREATE TABLE pricing_shipping_option (
    tenant_id {id} NOT NULL,
    currency {text} NOT NULL CHECK (length(currency) = 3),
    id {text} NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    name {text} NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    amount {int} NOT NULL CHECK (amount >= 0),
    free_from {int} CHECK (free_from IS NULL OR free_from >= 0),
    position {int} NOT NULL CHECK (position >= 0),
    PRIMARY KEY (tenant_id, currency, id)
) {strict};
