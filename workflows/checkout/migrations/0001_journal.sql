CREATE TABLE checkout_journal (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    attempt_id {id} NOT NULL,
    step {text} NOT NULL CHECK (step IN
        ('placed', 'authorized', 'paid', 'declined', 'canceled', 'returning', 'returned',
         'return_failed', 'stuck')),
    -- What else the step did: a sum of 1 (stock), 2 (promotions) and 4 (gift cards).
    parts {int} NOT NULL CHECK (parts BETWEEN 0 AND 7),
    -- Whether something is still to follow from it.
    open {int} NOT NULL CHECK (open IN (0, 1)),
    detail {text},
    at {int} NOT NULL,
    PRIMARY KEY (tenant_id, order_id, attempt_id, step)
) {strict};
CREATE INDEX checkout_journal_open ON checkout_journal (tenant_id, order_id) WHERE open = 1;
