-- How much of the total a promise covers, together with what is paid: an edit may make the order dearer
-- than that.
ALTER TABLE orders_order ADD COLUMN promised {int} CHECK (promised >= 0);
UPDATE orders_order SET promised = total WHERE payment_status = 'authorized';
