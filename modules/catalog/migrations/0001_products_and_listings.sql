-- Light columns first: lists and searches never reach the long texts behind them.
CREATE TABLE catalog_product (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    handle {text} NOT NULL CHECK (length(handle) BETWEEN 1 AND 255),
    status {text} NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    version {int} NOT NULL CHECK (version >= 1),
    gift_card {int} NOT NULL CHECK (gift_card IN (0, 1)),
    content_hash {bytes} NOT NULL,
    title {text} NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    title_lower {text} NOT NULL,
    vendor {text},
    image {text},
    search_text {text} NOT NULL,
    product_type {text},
    tags {text} NOT NULL,
    options {text} NOT NULL,
    seo {text} NOT NULL,
    media {text} NOT NULL,
    description_html {text} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, handle)
) {strict};
CREATE INDEX catalog_product_newest ON catalog_product (tenant_id, status, created_at, id);
CREATE INDEX catalog_product_by_title ON catalog_product (tenant_id, status, title_lower, id);
CREATE INDEX catalog_product_admin ON catalog_product (tenant_id, created_at, id);

CREATE TABLE catalog_variant (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    product_id {id} NOT NULL,
    position {int} NOT NULL CHECK (position >= 0),
    title {text} NOT NULL,
    option_values {text} NOT NULL,
    sku {text},
    barcode {text},
    grams {int} NOT NULL CHECK (grams >= 0),
    requires_shipping {int} NOT NULL CHECK (requires_shipping IN (0, 1)),
    taxable {int} NOT NULL CHECK (taxable IN (0, 1)),
    image {text},
    in_stock {int} NOT NULL DEFAULT 0 CHECK (in_stock IN (0, 1)),
    level_version {int} NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id)
) {strict};
CREATE INDEX catalog_variant_of_product ON catalog_variant (tenant_id, product_id, position);

CREATE TABLE catalog_listing (
    tenant_id {id} NOT NULL,
    variant_id {id} NOT NULL,
    currency {text} NOT NULL,
    product_id {id} NOT NULL,
    price {int} NOT NULL CHECK (price >= 0),
    compare_at {int},
    PRIMARY KEY (tenant_id, variant_id, currency)
) {strict};
CREATE INDEX catalog_listing_of_product ON catalog_listing (tenant_id, product_id, currency, price);

CREATE TABLE catalog_card (
    tenant_id {id} NOT NULL,
    product_id {id} NOT NULL,
    currency {text} NOT NULL,
    price_min {int} NOT NULL CHECK (price_min >= 0),
    price_max {int} NOT NULL CHECK (price_max >= price_min),
    compare_at {int},
    in_stock {int} NOT NULL CHECK (in_stock IN (0, 1)),
    PRIMARY KEY (tenant_id, product_id, currency)
) {strict};
CREATE INDEX catalog_card_by_price ON catalog_card (tenant_id, currency, price_min, product_id);

CREATE TABLE catalog_collection (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    handle {text} NOT NULL CHECK (length(handle) BETWEEN 1 AND 255),
    title {text} NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    title_lower {text} NOT NULL,
    description_html {text} NOT NULL,
    image {text},
    version {int} NOT NULL CHECK (version >= 1),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, handle)
) {strict};
CREATE INDEX catalog_collection_by_title ON catalog_collection (tenant_id, title_lower, id);

CREATE TABLE catalog_collection_product (
    tenant_id {id} NOT NULL,
    collection_id {id} NOT NULL,
    product_id {id} NOT NULL,
    position {int} NOT NULL CHECK (position >= 0),
    PRIMARY KEY (tenant_id, collection_id, product_id)
) {strict};
CREATE INDEX catalog_collection_product_position
    ON catalog_collection_product (tenant_id, collection_id, position, product_id);
CREATE INDEX catalog_collection_product_of_product
    ON catalog_collection_product (tenant_id, product_id);
