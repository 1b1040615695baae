-- An edit may leave something to pay on an order that was paid: its rest is an attempt of its own. At
-- most one attempt of an order still may charge it.
DROP INDEX payments_attempt_live;
CREATE UNIQUE INDEX payments_attempt_live ON payments_attempt (tenant_id, order_id)
    WHERE state NOT IN ('declined', 'voided', 'succeeded');
