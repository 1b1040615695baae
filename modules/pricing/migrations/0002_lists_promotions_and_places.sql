-- Moves with every change of lists, promotions, tax or shipping: what a process holds in memory of
-- a shop is good while it stands. Only ever grows, with the clock.
ALTER TABLE pricing_settings ADD COLUMN terms_mark {int} NOT NULL DEFAULT 1;

-- What is always read and written whole: a shop's tax table and its shipping zones.
CREATE TABLE pricing_document (
    tenant_id {id} NOT NULL,
    kind {text} NOT NULL CHECK (kind IN ('tax', 'zones')),
    body {text} NOT NULL,
    PRIMARY KEY (tenant_id, kind)
) {strict};

CREATE TABLE pricing_list (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    body {text} NOT NULL,
    version {int} NOT NULL CHECK (version >= 1),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
) {strict};

CREATE TABLE pricing_list_price (
    tenant_id {id} NOT NULL,
    variant_id {id} NOT NULL,
    list_id {id} NOT NULL,
    min_quantity {int} NOT NULL CHECK (min_quantity >= 1),
    amount {int} NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (tenant_id, variant_id, list_id, min_quantity)
) {strict};
CREATE INDEX pricing_list_price_of_list
    ON pricing_list_price (tenant_id, list_id, variant_id, min_quantity);

CREATE TABLE pricing_promotion (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    body {text} NOT NULL,
    version {int} NOT NULL CHECK (version >= 1),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
) {strict};

-- In small letters, without blanks around: one promotion per code.
CREATE TABLE pricing_promotion_code (
    tenant_id {id} NOT NULL,
    code {text} NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    promotion_id {id} NOT NULL,
    PRIMARY KEY (tenant_id, code)
) {strict};
CREATE INDEX pricing_promotion_code_of_promotion
    ON pricing_promotion_code (tenant_id, promotion_id);

-- Beside the promotion, so that taking a use rewrites a short row.
CREATE TABLE pricing_budget (
    tenant_id {id} NOT NULL,
    promotion_id {id} NOT NULL,
    uses {int} NOT NULL CHECK (uses >= 0),
    uses_max {int},
    per_customer_max {int},
    PRIMARY KEY (tenant_id, promotion_id),
    CHECK (uses_max IS NULL OR uses <= uses_max)
) {strict};

-- Who used what, by a hash: never an address.
CREATE TABLE pricing_customer_uses (
    tenant_id {id} NOT NULL,
    promotion_id {id} NOT NULL,
    customer_key {bytes} NOT NULL CHECK (length(customer_key) = 32),
    uses {int} NOT NULL CHECK (uses >= 0),
    PRIMARY KEY (tenant_id, promotion_id, customer_key)
) {strict};

-- The uses an order holds; giving them back removes them.
CREATE TABLE pricing_use (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    promotion_id {id} NOT NULL,
    customer_key {bytes} CHECK (customer_key IS NULL OR length(customer_key) = 32),
    taken_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, order_id, promotion_id)
) {strict};

-- Rates that a shop's tax provider gave for a place, until they expire.
CREATE TABLE pricing_tax_kept (
    tenant_id {id} NOT NULL,
    place {text} NOT NULL,
    body {text} NOT NULL,
    kept_at {int} NOT NULL,
    expires_at {int} NOT NULL CHECK (expires_at > kept_at),
    PRIMARY KEY (tenant_id, place)
) {strict};
CREATE INDEX pricing_tax_kept_expiry ON pricing_tax_kept (tenant_id, expires_at);
