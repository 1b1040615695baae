-- Refunds that did not arrive, disputes won after all, and cards that take the place of others are kinds
-- of their own.
CREATE TABLE ledger_entry_wider (
    tenant_id {id} NOT NULL,
    entry_id {id} NOT NULL,
    kind {text} NOT NULL CHECK (kind IN ('captured', 'refunded', 'refund_reversed', 'dispute_lost',
        'dispute_won', 'spent', 'given_back', 'credited', 'issued', 'topped_up', 'adjusted',
        'replaced')),
    order_id {id},
    -- The attempt or refund behind it, as an id in text form.
    source {text},
    currency {text} NOT NULL,
    reason {text},
    actor {text} NOT NULL,
    posted_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, entry_id)
) {strict};
INSERT INTO ledger_entry_wider (tenant_id, entry_id, kind, order_id, source, currency, reason, actor,
    posted_at)
    SELECT tenant_id, entry_id, kind, order_id, source, currency, reason, actor, posted_at
    FROM ledger_entry;
DROP TABLE ledger_entry;
ALTER TABLE ledger_entry_wider RENAME TO ledger_entry;
CREATE INDEX ledger_entry_order ON ledger_entry (tenant_id, order_id, entry_id)
    WHERE order_id IS NOT NULL;
