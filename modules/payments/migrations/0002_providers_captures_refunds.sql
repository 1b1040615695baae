-- When the money was held for us, or promised by hand. The row's `state` stays `processing` (by hand:
-- `created`): SQLite cannot widen its CHECK, and a copied table would pass by row-level security.
ALTER TABLE payments_attempt ADD COLUMN authorized_at {int};
ALTER TABLE payments_attempt ADD COLUMN kind {text} NOT NULL DEFAULT 'test'
    CHECK (kind IN ('test', 'stripe', 'manual'));
-- Taken, and set aside to be taken by a capture whose answer is not known yet.
ALTER TABLE payments_attempt ADD COLUMN captured {int} NOT NULL DEFAULT 0
    CHECK (captured >= 0 AND captured <= amount);
ALTER TABLE payments_attempt ADD COLUMN capturing {int} NOT NULL DEFAULT 0
    CHECK (capturing >= 0 AND captured + capturing <= amount);
-- Gone back, and set aside to go back.
ALTER TABLE payments_attempt ADD COLUMN refunded {int} NOT NULL DEFAULT 0 CHECK (refunded >= 0);
ALTER TABLE payments_attempt ADD COLUMN refunding {int} NOT NULL DEFAULT 0
    CHECK (refunding >= 0 AND refunded + refunding <= captured);
UPDATE payments_attempt SET captured = amount WHERE state = 'succeeded';
CREATE INDEX payments_attempt_intent ON payments_attempt (tenant_id, intent_id)
    WHERE intent_id IS NOT NULL;

CREATE TABLE payments_provider (
    tenant_id {id} NOT NULL,
    id {text} NOT NULL,
    kind {text} NOT NULL CHECK (kind IN ('stripe', 'manual')),
    title {text} NOT NULL,
    base_url {text},
    public_key {text},
    capture {text} NOT NULL CHECK (capture IN ('automatic', 'manual')),
    instructions {text},
    position {int} NOT NULL,
    active {int} NOT NULL CHECK (active IN (0, 1)),
    -- Sealed boxes: only the process that speaks to providers can open them.
    secret_key {bytes},
    webhook_secret {bytes},
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    version {int} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (kind <> 'stripe' OR (base_url IS NOT NULL AND secret_key IS NOT NULL))
) {strict};

CREATE TABLE payments_capture (
    tenant_id {id} NOT NULL,
    attempt_id {id} NOT NULL,
    key {text} NOT NULL,
    id {id} NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    state {text} NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
    failure {text},
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, attempt_id, key)
) {strict};
CREATE INDEX payments_capture_pending ON payments_capture (tenant_id, updated_at)
    WHERE state = 'pending';

CREATE TABLE payments_refund (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    order_id {id} NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    currency {text} NOT NULL,
    -- What went back to gift cards when it was opened.
    given_back {int} NOT NULL CHECK (given_back >= 0 AND given_back <= amount),
    store_credit {id},
    reason {text},
    memo {text} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
    failure {text},
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
) {strict};
CREATE INDEX payments_refund_order ON payments_refund (tenant_id, order_id, id);

-- What of a refund goes back through one attempt.
CREATE TABLE payments_refund_part (
    tenant_id {id} NOT NULL,
    refund_id {id} NOT NULL,
    attempt_id {id} NOT NULL,
    -- The ledger's entry.
    entry_id {id} NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    state {text} NOT NULL CHECK (state IN ('pending', 'sent', 'succeeded', 'failed')),
    failure {text},
    -- When it was last sent: it may be on its way for some time after that.
    sent_at {int},
    version {int} NOT NULL,
    PRIMARY KEY (tenant_id, refund_id, attempt_id),
    CHECK (state <> 'sent' OR sent_at IS NOT NULL)
) {strict};

-- Events of providers that were heard already.
CREATE TABLE payments_event (
    tenant_id {id} NOT NULL,
    provider {text} NOT NULL,
    event_id {text} NOT NULL,
    received_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, provider, event_id)
) {strict};
CREATE INDEX payments_event_age ON payments_event (tenant_id, received_at);

CREATE TABLE payments_dispute (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    provider {text} NOT NULL,
    -- The provider's own name for it.
    reference {text} NOT NULL,
    attempt_id {id} NOT NULL,
    order_id {id} NOT NULL,
    amount {int} NOT NULL CHECK (amount >= 0),
    currency {text} NOT NULL,
    status {text} NOT NULL,
    reason {text},
    -- The provider's time of the newest news of it.
    told_at {int} NOT NULL,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id)
) {strict};
CREATE UNIQUE INDEX payments_dispute_reference ON payments_dispute (tenant_id, provider, reference);
