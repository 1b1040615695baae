-- What of a refund did go back, where its provider took some of it back before this workflow wrote that it
-- had gone.
ALTER TABLE aftersales_refund ADD COLUMN reversed_left {int} CHECK (reversed_left >= 0);
