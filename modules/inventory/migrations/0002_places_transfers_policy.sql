-- Policy of a variant (`tracked`, `low_threshold`) stands on its row at the default location, which
-- every variant with a level has, and which every change of the variant's stock locks first.
ALTER TABLE inventory_level ADD COLUMN incoming {int} NOT NULL DEFAULT 0 CHECK (incoming >= 0);
ALTER TABLE inventory_level ADD COLUMN tracked {int} NOT NULL DEFAULT 1 CHECK (tracked IN (0, 1));
ALTER TABLE inventory_level ADD COLUMN low_threshold {int} CHECK (low_threshold >= 0);

-- What a movement was about, where `kind` alone does not say it.
ALTER TABLE inventory_movement ADD COLUMN incoming_delta {int} NOT NULL DEFAULT 0;
ALTER TABLE inventory_movement ADD COLUMN what {text} CHECK (what IN ('adjust', 'count', 'ship',
    'unship', 'restock', 'transfer_out', 'transfer_due', 'transfer_in', 'transfer_back',
    'transfer_void', 'place'));
ALTER TABLE inventory_movement ADD COLUMN transfer_id {id};
ALTER TABLE inventory_movement ADD COLUMN note {text};

-- Places that hold stock. The default location needs no row until somebody changes it.
CREATE TABLE inventory_location (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    name {text} NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    country {text} CHECK (length(country) = 2),
    region {text},
    postal_code {text},
    -- 0: its stock counts for nothing.
    active {int} NOT NULL CHECK (active IN (0, 1)),
    -- 0: its stock is counted, but no order is sent from there.
    ships {int} NOT NULL CHECK (ships IN (0, 1)),
    -- Lower goes first.
    priority {int} NOT NULL CHECK (priority >= 0),
    version {int} NOT NULL CHECK (version > 0),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
) {strict};

-- Which locations give to an order.
CREATE TABLE inventory_sourcing (
    tenant_id {id} NOT NULL,
    preference {text} NOT NULL CHECK (preference IN ('priority', 'nearest')),
    split {int} NOT NULL CHECK (split IN (0, 1)),
    version {int} NOT NULL CHECK (version > 0),
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id)
) {strict};

CREATE TABLE inventory_transfer (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    origin_id {id} NOT NULL,
    destination_id {id} NOT NULL,
    status {text} NOT NULL CHECK (status IN ('draft', 'in_transit', 'done', 'canceled')),
    note {text},
    version {int} NOT NULL CHECK (version > 0),
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (origin_id <> destination_id)
) {strict};

CREATE TABLE inventory_transfer_line (
    tenant_id {id} NOT NULL,
    transfer_id {id} NOT NULL,
    variant_id {id} NOT NULL,
    units {int} NOT NULL CHECK (units > 0),
    received {int} NOT NULL CHECK (received >= 0),
    PRIMARY KEY (tenant_id, transfer_id, variant_id),
    CHECK (received <= units)
) {strict};
