-- One change to many base prices. Prices up to those of `after_variant` have had their turn; those
-- of variants behind `until_variant` were not there when it began.
CREATE TABLE pricing_adjustment (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    terms {text} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('running', 'cancelled', 'done')),
    after_variant {id},
    until_variant {id},
    seen {int} NOT NULL CHECK (seen >= 0),
    changed {int} NOT NULL CHECK (changed >= 0),
    failed {int} NOT NULL CHECK (failed >= 0),
    actor {text} NOT NULL,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (changed + failed <= seen)
) {strict};

CREATE TABLE pricing_adjustment_error (
    tenant_id {id} NOT NULL,
    adjustment_id {id} NOT NULL,
    variant_id {id} NOT NULL,
    message {text} NOT NULL,
    PRIMARY KEY (tenant_id, adjustment_id, variant_id)
) {strict};
