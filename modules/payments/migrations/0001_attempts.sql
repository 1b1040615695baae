CREATE TABLE payments_attempt (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    order_id {id} NOT NULL,
    number {int} NOT NULL CHECK (number >= 1),
    amount {int} NOT NULL CHECK (amount >= 0),
    currency {text} NOT NULL,
    provider {text} NOT NULL,
    token {text} NOT NULL,
    return_url {text},
    state {text} NOT NULL CHECK (state IN ('created', 'prepared', 'confirming', 'processing',
        'requires_action', 'succeeded', 'declined', 'voided')),
    intent_id {text},
    next_action_url {text},
    reason {text},
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    version {int} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (state IN ('created', 'succeeded', 'declined', 'voided') OR intent_id IS NOT NULL),
    CHECK ((state = 'requires_action') = (next_action_url IS NOT NULL)),
    CHECK ((state = 'declined') = (reason IS NOT NULL))
) {strict};
CREATE UNIQUE INDEX payments_attempt_number ON payments_attempt (tenant_id, order_id, number);
-- One attempt of an order at most has charged it, or still may.
CREATE UNIQUE INDEX payments_attempt_live ON payments_attempt (tenant_id, order_id)
    WHERE state NOT IN ('declined', 'voided');
