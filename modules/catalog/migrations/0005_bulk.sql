CREATE TABLE catalog_bulk (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    request {text} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('running', 'cancelled', 'done')),
    -- How many of the named ids, or the last product that the filter looked at.
    place {int} NOT NULL CHECK (place >= 0),
    after_id {id},
    seen {int} NOT NULL CHECK (seen >= 0),
    changed {int} NOT NULL CHECK (changed >= 0),
    failed {int} NOT NULL CHECK (failed >= 0),
    actor {text} NOT NULL,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
) {strict};

CREATE TABLE catalog_bulk_error (
    tenant_id {id} NOT NULL,
    bulk_id {id} NOT NULL,
    product_id {id} NOT NULL,
    message {text} NOT NULL,
    PRIMARY KEY (tenant_id, bulk_id, product_id)
) {strict};
