-- What of a refund did go back, where a provider took back all or part of it later.
ALTER TABLE orders_refund ADD COLUMN left_over {int} CHECK (left_over >= 0 AND left_over < amount);
