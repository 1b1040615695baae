-- The provider's no, written down before the intent is voided: the void may be heard of by asking alone.
ALTER TABLE payments_attempt ADD COLUMN refusal {text};
-- Calls that the provider answered with a failure of its own: it may keep that answer under their key.
ALTER TABLE payments_attempt ADD COLUMN failed_calls {int} NOT NULL DEFAULT 0 CHECK (failed_calls >= 0);
-- How often it said that it knows no such payment, and when that counted last.
ALTER TABLE payments_attempt ADD COLUMN forgotten {int} NOT NULL DEFAULT 0 CHECK (forgotten >= 0);
ALTER TABLE payments_attempt ADD COLUMN forgotten_at {int};
-- Taken back by cardholders. Together with refunds it may be more than was captured: nobody asks us.
ALTER TABLE payments_attempt ADD COLUMN disputed {int} NOT NULL DEFAULT 0 CHECK (disputed >= 0);

-- When a capture that nobody waits for is asked about next, and how often it was.
ALTER TABLE payments_capture ADD COLUMN next_try {int} NOT NULL DEFAULT 0;
ALTER TABLE payments_capture ADD COLUMN tries {int} NOT NULL DEFAULT 0 CHECK (tries >= 0);
DROP INDEX payments_capture_pending;
CREATE INDEX payments_capture_pending ON payments_capture (tenant_id, next_try, updated_at)
    WHERE state = 'pending';

-- What of a lost dispute stands in the books, in its currency, and by how much it lowers what can still go
-- back through its attempt. Both are 0 where it is not lost.
ALTER TABLE payments_dispute ADD COLUMN booked {int} NOT NULL DEFAULT 0 CHECK (booked >= 0);
ALTER TABLE payments_dispute ADD COLUMN lowered {int} NOT NULL DEFAULT 0 CHECK (lowered >= 0);
UPDATE payments_dispute SET booked = amount WHERE status = 'lost';
UPDATE payments_dispute SET lowered = amount WHERE status = 'lost' AND currency = (
    SELECT attempt.currency FROM payments_attempt AS attempt
    WHERE attempt.tenant_id = payments_dispute.tenant_id AND attempt.id = payments_dispute.attempt_id);
UPDATE payments_attempt SET disputed = (
    SELECT CAST(coalesce(sum(dispute.lowered), 0) AS BIGINT) FROM payments_dispute AS dispute
    WHERE dispute.tenant_id = payments_attempt.tenant_id AND dispute.attempt_id = payments_attempt.id)
WHERE EXISTS (SELECT 1 FROM payments_dispute AS dispute WHERE dispute.lowered > 0
    AND dispute.tenant_id = payments_attempt.tenant_id AND dispute.attempt_id = payments_attempt.id);
