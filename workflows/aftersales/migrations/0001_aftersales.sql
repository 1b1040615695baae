-- A refund from the moment its amount is set aside: what it stands for, until and after it is back.
CREATE TABLE aftersales_refund (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    order_id {id} NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    -- JSON list of lines with units and amount; empty where it is an amount alone.
    lines {text} NOT NULL,
    -- What of the amount is for the delivery.
    shipping {int} NOT NULL CHECK (shipping >= 0 AND shipping <= amount),
    restock {int} NOT NULL CHECK (restock IN (0, 1)),
    location_id {id},
    reason {text},
    purpose {text} NOT NULL CHECK (purpose IN ('refund', 'cancel', 'edit', 'return')),
    state {text} NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    created_at {int} NOT NULL,
    -- When people were told that it does not move.
    told_at {int},
    PRIMARY KEY (tenant_id, id)
) {strict};
CREATE INDEX aftersales_refund_order ON aftersales_refund (tenant_id, order_id, id);
CREATE INDEX aftersales_refund_pending ON aftersales_refund (tenant_id, id)
    WHERE state = 'pending';

-- An order that staff want canceled.
CREATE TABLE aftersales_cancel (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    reason {text} NOT NULL,
    restock {int} NOT NULL CHECK (restock IN (0, 1)),
    -- `stuck` waits for people: its refund was refused.
    state {text} NOT NULL CHECK (state IN ('requested', 'stuck', 'done')),
    requested_at {int} NOT NULL,
    told_at {int},
    PRIMARY KEY (tenant_id, order_id)
) {strict};
CREATE INDEX aftersales_cancel_requested ON aftersales_cancel (tenant_id, order_id)
    WHERE state = 'requested';
